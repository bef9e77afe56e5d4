import { matching, On, Processor, route, type HandlerContext } from '@tidemark/core';

// #region patterns
@Processor({ name: 'agent-log', startFrom: 'end' })
export class AgentLog {
  readonly lines: string[] = [];

  @On(matching('agent.*.completed')) completed(_: unknown, { event, agentId }: HandlerContext) {
    this.lines.push(`${agentId} completed ${event.type}`);
  }

  @On('agent.research.failed') failed(_: unknown, { event }: HandlerContext) {
    this.lines.push(`research failed on ${event.stream}`);
  }

  @On(matching('agent.**', /^crew\./)) anythingElse() {
    // What no method names goes to the first whose pattern matches.
  }
}
// #endregion patterns

// #region routed
/** Takes what routes send it, and nothing else. */
@Processor({ name: 'reviewers', routed: true })
export class Reviewers {
  readonly reviewed: unknown[] = [];

  @On(matching('claim.*')) review(claim: unknown) {
    this.reviewed.push(claim);
  }
}

@Processor({ name: 'leftovers', routed: true })
export class Leftovers {
  readonly types: string[] = [];

  @On(matching('**')) note(_: unknown, { event }: HandlerContext) {
    this.types.push(event.type);
  }
}
// #endregion routed

interface Claim {
  readonly amount: number;
  readonly lines: readonly string[];
}

// #region routes
export const routes = [
  route({
    name: 'large claims',
    match: { type: 'claim.made', stream: 'claim-*', agent: 'ada*', data: { amount: { gte: 1_000 } } },
    priority: 'high',
    to: 'reviewers',
  }),
  route<Claim>({
    name: 'lines of claims',
    match: 'claim.detailed',
    when: ({ data }) => data.lines.length > 1,
    split: ({ data }) => data.lines.map((line) => ({ type: 'claim.line', data: line })),
    to: 'reviewers',
  }),
  route<{ readonly to: string }>({
    name: 'by content',
    match: 'claim.forwarded',
    to: ({ data }) => data.to, // The name of a processor.
    among: ['reviewers', 'leftovers'],
  }),
];
// #endregion routes
