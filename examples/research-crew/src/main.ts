console.log('The research crew is not hired yet.');
