/** Shows where the connection stands: with the seconds that are left while it waits. */
export class StateLine {
  #element;
  #timer;

  constructor(element) {
    this.#element = element;
  }

  /** `state` is that of `reconnecting`. */
  show({ name, retryAt, reason }) {
    clearInterval(this.#timer);
    this.#element.dataset.state = name;
    if (name !== "waiting") {
      const texts = { connecting: "Connecting…", open: "Connected", closed: "Not connected" };
      this.#element.textContent = name === "closed" && reason?.reason || texts[name];
      return;
    }
    const tell = () => {
      const seconds = Math.max(0, retryAt - Date.now()) / 1000;
      this.#element.textContent = `${navigator.onLine ? "Lost" : "Offline"}: waiting ${
        seconds.toFixed(1)
      } s`;
    };
    this.#timer = setInterval(tell, 100);
    tell();
  }
}
