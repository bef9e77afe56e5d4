// The public API of @tidemark/projections/testing: given these events, then these documents.
export { type GivenEvent, Projecting, projecting, type ProjectingOptions } from './projecting.js';
