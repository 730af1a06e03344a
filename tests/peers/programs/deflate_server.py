"""Echo servers with permessage-deflate that a ping inside a compressed message disturbs.

The argument says whose: tornado, aiohttp or wsproto. Prints the port, and serves until it is killed.
"""
import asyncio
import socket
import sys
import threading


def of_tornado():
    import tornado.ioloop
    import tornado.netutil
    import tornado.web
    import tornado.httpserver
    import tornado.websocket

    class Echo(tornado.websocket.WebSocketHandler):
        def check_origin(self, origin):
            return True

        def get_compression_options(self):
            return {}

        def on_message(self, message):
            self.write_message(message)

    async def main():
        sockets = tornado.netutil.bind_sockets(0, "127.0.0.1")
        server = tornado.httpserver.HTTPServer(tornado.web.Application([("/", Echo)]))
        server.add_sockets(sockets)
        print(sockets[0].getsockname()[1], flush=True)
        await asyncio.Event().wait()

    asyncio.run(main())


def of_aiohttp():
    from aiohttp import WSMsgType, web

    async def echo(request):
        connection = web.WebSocketResponse(compress=True)
        await connection.prepare(request)
        async for message in connection:
            if message.type == WSMsgType.TEXT:
                await connection.send_str(message.data)
        return connection

    async def main():
        application = web.Application()
        application.router.add_get("/", echo)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        print(site._server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Event().wait()

    asyncio.run(main())


def of_wsproto():
    from wsproto import ConnectionType, WSConnection
    from wsproto.events import AcceptConnection, CloseConnection, Ping, Request, TextMessage
    from wsproto.extensions import PerMessageDeflate
    from wsproto.utilities import RemoteProtocolError

    def serve(peer):
        connection, text = WSConnection(ConnectionType.SERVER), ""
        with peer:
            while data := peer.recv(65536):
                try:
                    connection.receive_data(data)
                    for event in connection.events():
                        if isinstance(event, Request):
                            accept = AcceptConnection(extensions=[PerMessageDeflate()])
                            peer.sendall(connection.send(accept))
                        elif isinstance(event, Ping):
                            peer.sendall(connection.send(event.response()))
                        elif isinstance(event, CloseConnection):
                            peer.sendall(connection.send(event.response()))
                            return
                        elif isinstance(event, TextMessage):
                            text += event.data
                            if event.message_finished:
                                peer.sendall(connection.send(TextMessage(data=text)))
                                text = ""
                except RemoteProtocolError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


{"tornado": of_tornado, "aiohttp": of_aiohttp, "wsproto": of_wsproto}[sys.argv[1]]()
