import { Aggregate, AggregateId, Apply, Command, CommandHandler, Event, On } from '@tidemark/core';
import {
  CorrelatedBy,
  OnApproval,
  OnCompleted,
  OnFailed,
  OnTimer,
  Saga,
  Starts,
  type ApprovalDecision,
  type SagaContext,
  type StepFailure,
} from '@tidemark/sagas';

@Event({ name: 'trip.requested' })
export class TripRequested {
  constructor(
    readonly tripId: string,
    readonly price: number,
  ) {}
}

@Event({ name: 'trip.paid' })
export class TripPaid {
  constructor(readonly tripId: string) {}
}

@Command({ name: 'trip.request' })
export class RequestTrip {
  @AggregateId() readonly tripId: string;

  constructor(
    tripId: string,
    readonly price: number,
  ) {
    this.tripId = tripId;
  }
}

@Command({ name: 'trip.pay' })
export class PayTrip {
  @AggregateId() readonly tripId: string;

  constructor(tripId: string) {
    this.tripId = tripId;
  }
}

@Aggregate({ name: 'trip' })
export class Trip {
  @CommandHandler() request({ tripId, price }: RequestTrip) {
    return new TripRequested(tripId, price);
  }

  @CommandHandler() pay({ tripId }: PayTrip) {
    return new TripPaid(tripId);
  }
}

@Event({ name: 'seat.booked' })
export class SeatBooked {
  constructor(
    readonly bookingId: string,
    readonly on: string,
  ) {}
}

@Event({ name: 'seat.given-back' })
export class SeatGivenBack {
  constructor(readonly bookingId: string) {}
}

@Command({ name: 'seat.book' })
export class BookSeat {
  @AggregateId() readonly bookingId: string;

  constructor(
    bookingId: string,
    readonly on: string,
  ) {
    this.bookingId = bookingId;
  }
}

@Command({ name: 'seat.give-back' })
export class GiveSeatBack {
  @AggregateId() readonly bookingId: string;

  constructor(bookingId: string) {
    this.bookingId = bookingId;
  }
}

@Aggregate({ name: 'seat' })
export class Seat {
  private isBooked = false;

  @CommandHandler() book({ bookingId, on }: BookSeat) {
    if (on === 'balloon') throw new Error('No balloon goes today.');
    return new SeatBooked(bookingId, on);
  }

  // An inverse accepts that there is nothing to undo.
  @CommandHandler() giveBack({ bookingId }: GiveSeatBack) {
    return this.isBooked ? new SeatGivenBack(bookingId) : undefined;
  }

  @Apply(SeatBooked) booked() {
    this.isBooked = true;
  }

  @Apply(SeatGivenBack) givenBack() {
    this.isBooked = false;
  }
}

// #region trip
@Saga({ name: 'trip', events: [SeatBooked] }) // `events`: those that end steps and have no handler here.
export class TripSaga {
  price = 0;
  reminders = 0;

  @Starts({ key: ({ tripId }: TripRequested) => tripId })
  requested({ price }: TripRequested, saga: SagaContext) {
    this.price = price;
    for (const on of ['train', 'boat']) {
      saga.step('book', {
        key: on, // Steps of one name with different keys run side by side.
        command: new BookSeat(`${saga.key}-${on}`, on),
        completedBy: SeatBooked, // Without it: by the acceptance of the command.
        deadline: '30s', // For each attempt.
        retry: { attempts: 3, delay: '1s' },
        inverse: new GiveSeatBack(`${saga.key}-${on}`),
      });
    }
  }

  @OnCompleted('book') booked(saga: SagaContext) {
    if (this.price > 100) {
      saga.requestApproval('price', { question: `May the trip cost ${this.price}?`, deadline: '1d' });
    } else this.awaitPayment(saga);
  }

  // Without this handler the saga would be compensated, with the failure as the reason.
  @OnFailed('book') notBooked({ key, reason }: StepFailure, saga: SagaContext) {
    saga.compensate(`no seat on the ${key}: ${reason}`);
  }

  @OnApproval('price') decided({ outcome, by }: ApprovalDecision, saga: SagaContext) {
    if (outcome === 'approved') this.awaitPayment(saga);
    else saga.compensate(`too dear: ${outcome} by ${by ?? 'nobody'}`);
  }

  @OnTimer('remind') remind(saga: SagaContext) {
    this.reminders += 1;
    saga.timer('remind', { after: '2h' });
  }

  // From outside: no step of the saga causes this event, so it says by itself which instance it is for.
  @On()
  @CorrelatedBy(({ tripId }: TripPaid) => tripId)
  paid(_: TripPaid, saga: SagaContext) {
    saga.cancelTimer('remind');
    saga.complete({ reminders: this.reminders });
  }

  private awaitPayment(saga: SagaContext) {
    saga.step('payment', { completedBy: TripPaid, deadline: '3d' }); // Only waits; nothing is sent.
    saga.timer('remind', { after: '2h' });
  }
}
// #endregion trip
