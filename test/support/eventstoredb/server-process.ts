import { startTestEventStoreDb } from './start.js';

// A test server in a process of its own, told what to do by messages; each is answered when it is done.
const server = await startTestEventStoreDb();
process.on('message', (wish) => {
  const act = async (): Promise<void> => {
    if (wish === 'drop') server.node.dropConnections();
    if (wish === 'stop') await server.node.stop();
    if (wish === 'start') await server.node.start();
    process.send?.('done');
  };
  void act();
});
process.on('disconnect', () => process.exit());
process.send?.(server.connectionString);
