import { decider, type AppliedEvent } from '@tidemark/core';
import { OutOfOrderError } from './out-of-order-error.js';
import {
  DiscardFindings,
  FindingsDiscarded,
  FindingsSubmitted,
  ReportSearchFailure,
  RequestSearch,
  SearchFailed,
  SearchRequested,
  SubmitFindings,
} from './search-messages.js';

/** Where one search stands. */
export type SearchState = 'new' | 'awaited' | 'failed' | 'found' | 'discarded';

type SearchCommand = RequestSearch | SubmitFindings | ReportSearchFailure | DiscardFindings;

/** The id of the search for one part of a research: each is an aggregate of its own, so searches never wait for each other. */
export const searchId = (researchId: string, partId: string): string => `${researchId}/${partId}`;

const decide = (command: SearchCommand, state: SearchState) => {
  if (command instanceof RequestSearch) {
    if (state === 'found' || state === 'discarded') throw outOfOrder('RequestSearch', state);
    return new SearchRequested(command);
  }
  if (command instanceof DiscardFindings) {
    return state === 'awaited' || state === 'found' ? new FindingsDiscarded(command) : [];
  }
  if (state !== 'awaited') throw outOfOrder(command.constructor.name, state);
  return command instanceof SubmitFindings ? new FindingsSubmitted(command) : new SearchFailed(command);
};

const stateAfter: Readonly<Record<string, SearchState>> = {
  'search.requested': 'awaited',
  'search.failed': 'failed',
  'search.findings-submitted': 'found',
  'search.findings-discarded': 'discarded',
};

const outOfOrder = (command: string, state: SearchState) =>
  new OutOfOrderError(command, `search is ${state}`);

/**
 * The same kind of thing as the class `Research`, written by hand: an aggregate is three functions. Choose what reads
 * better; the framework knows only the definition that both become.
 */
export const search = decider({
  name: 'search',
  commands: [RequestSearch, SubmitFindings, ReportSearchFailure, DiscardFindings],
  events: [SearchRequested, FindingsSubmitted, SearchFailed, FindingsDiscarded],
  initialState: (): SearchState => 'new',
  decide,
  evolve: (state, event: AppliedEvent): SearchState => stateAfter[event.type] ?? state,
  target: (command) =>
    searchId(command.researchId, command instanceof RequestSearch ? command.part.id : command.partId),
});
