import type { Server } from "node:http";
import type { Duplex } from "node:stream";
import { createWebSocketStream, WebSocketServer } from "ws";

/** MQTT over WebSocket (MQTT 3.1.1, section 6), on the HTTP port: for browsers, and for networks that let nothing else pass. */

export const WEB_SOCKET_PATH = "/mqtt";
/** The name that section 6 asks for; "mqttv3.1" is what old clients still send. */
const SUBPROTOCOLS = ["mqtt", "mqttv3.1"];

export interface WebSocketDoor {
  /** Ends every connection. */
  close(): void;
}

/**
 * @param server whose upgrades to WEB_SOCKET_PATH are taken; others are refused.
 * @param accept takes a connection as it takes one from TCP: who it is, MQTT itself asks.
 * @param maxPayloadBytes of one WebSocket message; larger ones end the connection.
 */
export function openWebSocketDoor(
  server: Server,
  accept: (stream: Duplex, address: string) => void,
  maxPayloadBytes: number,
): WebSocketDoor {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: maxPayloadBytes,
    // Compressing binary frames of 200 bytes costs memory for each connection and saves nothing.
    perMessageDeflate: false,
    handleProtocols: (offered) => SUBPROTOCOLS.find((name) => offered.has(name)) ?? false,
  });
  server.on("upgrade", (request, socket, head) => {
    socket.on("error", () => socket.destroy());
    const path = (request.url ?? "").split("?")[0];
    if (path !== WEB_SOCKET_PATH) {
      socket.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n");
      return;
    }
    const offered = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
    if (!offered.some((name) => SUBPROTOCOLS.includes(name))) {
      socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
      return;
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const stream = createWebSocketStream(webSocket);
      // A connection that breaks is the broker's to notice; unheard, the error would end the process.
      stream.on("error", () => stream.destroy());
      accept(stream, request.socket.remoteAddress ?? "unknown");
    });
  });
  return {
    close() {
      for (const webSocket of sockets.clients) webSocket.terminate();
      sockets.close();
    },
  };
}
