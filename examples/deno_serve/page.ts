/** The page, with all that it needs. */
export const page = `<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>A button</title>
<link rel="icon" href="data:,">
<style>
  body { display: grid; place-content: center; gap: 1rem; min-height: 90vh; text-align: center;
         font: 1.25rem/1.4 system-ui, sans-serif; color-scheme: light dark; }
  button { font: inherit; padding: 1rem 3rem; border-radius: 0.75rem; }
</style>
<button disabled>Press</button>
<p role="status">Connecting</p>
<script>
  const button = document.querySelector("button"), status = document.querySelector("p");
  const socket = new WebSocket(location.href.replace(/^http/, "ws") + "button");
  socket.onopen = () => button.disabled = false;
  socket.onmessage = ({ data }) => {
    const { people, presses } = JSON.parse(data);
    status.textContent = "Pressed " + presses + " times, with " + people + " here";
  };
  socket.onclose = ({ code }) => {
    button.disabled = true;
    status.textContent = "The connection is closed (" + code + "): reload to try again";
  };
  button.onclick = () => socket.send("press");
</script>
`;
