/**
 * Begins a script: `run` is what tells this run of the server from its earlier ones, and from other servers. What was written
 * under another one has come out of a dump or from a replica, and may be old.
 */
export const thisRun = `local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')`;
