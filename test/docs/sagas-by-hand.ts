import { saga } from '@tidemark/sagas';
import { BookSeat, GiveSeatBack, SeatBooked, TripRequested } from './sagas.js';

// #region by-hand
export const tripByHand = saga({ name: 'short-trip', events: [SeatBooked], state: () => ({ price: 0 }) })
  .starts(TripRequested, { key: ({ tripId }) => tripId }, (state, { price }, context) => {
    state.price = price;
    context.step('book', {
      command: new BookSeat(`${context.key}-bus`, 'bus'),
      completedBy: SeatBooked,
      inverse: new GiveSeatBack(`${context.key}-bus`),
    });
  })
  .onCompleted('book', (_, context) => context.complete())
  .build();
// #endregion by-hand

/** A seat on a balloon is refused whatever happens, so this saga always fails and is compensated. */
export const balloonTrip = saga({ name: 'balloon-trip', state: () => ({}) })
  .starts(TripRequested, { key: ({ tripId }) => tripId }, (_, __, context) => {
    for (const on of ['coach', 'balloon']) {
      context.step('book', {
        key: on,
        command: new BookSeat(`${context.key}-${on}`, on),
        inverse: new GiveSeatBack(`${context.key}-${on}`),
      });
    }
  })
  .build();
