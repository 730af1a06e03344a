/** A lamp of the example, with the runtime's own WebSocket: switches it, and prints what it is told. */
import process from "node:process";

const socket = new WebSocket(process.argv[2]);
socket.onmessage = ({ data }) => {
  console.log(data);
  if (data === "off") socket.send("switch");
  else socket.close(1000);
};
socket.onclose = ({ code, wasClean }) => console.log("closed", code, wasClean);
socket.onerror = () => console.log("failed");
