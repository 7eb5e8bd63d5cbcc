const { connect, listen } = require('netvia')

listen({ host: '127.0.0.1', port: 0, device: 'lo' }, client => client.end('works')).then(async server => {
  const socket = await connect({ host: '127.0.0.1', port: server.address().port, device: 'lo' })
  for await (const chunk of socket) console.log(String(chunk))
  server.close()
})
