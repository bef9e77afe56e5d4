/**
 * Gives a message class a constructor that takes its fields by name: `new SubmitPlan({ researchId, parts })`.
 * Messages that come back from the log are rebuilt without it.
 */
export abstract class Fields<Self> {
  constructor(fields: Omit<Self, never>) {
    Object.assign(this, fields);
  }
}
