/**
 * Reads a time that was selected as seconds since the epoch (`date_part('epoch', …)`), which needs no parsing of dates and
 * depends on no setting of the session. Stored times have milliseconds, so rounding restores them exactly.
 */
export const timeOf = (seconds: string): Date => new Date(Math.round(Number(seconds) * 1000));
