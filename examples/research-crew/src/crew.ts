import { createApp, type Application, type Backend, type CommandMiddleware } from '@tidemark/core';
import { Container } from 'inversify';
import { Critic } from './agents/critic.js';
import { Desks } from './agents/desks.js';
import { Pace } from './agents/pace.js';
import { Planner } from './agents/planner.js';
import { Publisher } from './agents/publisher.js';
import { Researcher } from './agents/researcher.js';
import { Sabotage } from './agents/sabotage.js';
import { Writer } from './agents/writer.js';
import { Board } from './board.js';
import { Research } from './domain/research.js';
import { search } from './domain/search.js';
import { Library } from './library/library.js';
import { Reports } from './publishing/reports.js';
import { ResearchSaga } from './research-saga.js';
import { Mind } from './thinking/mind.js';

/** What the crew works with. */
export interface CrewParts {
  readonly backend: Backend;
  readonly library: Library;
  readonly mind: Mind;
  readonly reports: Reports;
  readonly desks: Desks;
  readonly pace: Pace;
  readonly sabotage: Sabotage;
  /** Sees every command on its way. */
  readonly middleware?: readonly CommandMiddleware[] | undefined;
}

/**
 * The whole application: what is injected, and what is registered. Events and commands need not be listed: the classes
 * that handle them mention them.
 */
export const createCrew = (parts: CrewParts): Application => {
  const container = new Container();
  container.bind(Library).toConstantValue(parts.library);
  container.bind(Mind).toConstantValue(parts.mind);
  container.bind(Reports).toConstantValue(parts.reports);
  container.bind(Pace).toConstantValue(parts.pace);
  container.bind(Desks).toConstantValue(parts.desks);
  container.bind(Sabotage).toConstantValue(parts.sabotage);
  return createApp({
    backend: parts.backend,
    container,
    middleware: parts.middleware,
    register: [Research, search, ResearchSaga, Board, Planner, Researcher, Writer, Critic, Publisher],
  });
};
