// The noVNC client, as Xen Orchestra and XO Lite use it, looks at consoles: a guest's screen and a text console shown as
// pictures. Its browser is jsdom with a canvas of our own that keeps pixels.

import { createRequire } from "node:module";
import { join } from "node:path";

const [url, password, dir] = process.argv.slice(2);
const require = createRequire(join(dir, "package.json"));
const { JSDOM } = require("jsdom");

const assert = (true_, what) => {
  if (!true_) throw new Error(what);
};

let number = 0;
async function call(method, ...params) {
  const body = JSON.stringify({ jsonrpc: "2.0", id: ++number, method, params });
  const answer = await fetch(`${url}/jsonrpc`, { method: "POST", body, headers: { "Content-Type": "application/json" } });
  const { result, error } = await answer.json();
  assert(!error, `${method}: ${JSON.stringify(error)}`);
  return result;
}

// What a canvas is asked for by noVNC, on an array of pixels.
class Context {
  constructor(canvas) {
    this.canvas = canvas;
    this.fillStyle = "rgb(0,0,0)";
    this.size();
  }
  size() {
    const { width, height } = this.canvas;
    if (this.pixels && this.width === width && this.height === height) return;
    [this.width, this.height, this.pixels] = [width, height, new Uint8ClampedArray(width * height * 4)];
  }
  at(x, y) {
    return (y * this.width + x) * 4;
  }
  put(x, y, pixel) {
    this.size();
    if (x >= 0 && y >= 0 && x < this.canvas.width && y < this.canvas.height) this.pixels.set(pixel, this.at(x, y));
  }
  createImageData(width, height) {
    return { width, height, data: new Uint8ClampedArray(width * height * 4) };
  }
  getImageData(left, top, width, height) {
    this.size();
    const image = this.createImageData(width, height);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        image.data.set(this.pixels.subarray(this.at(left + x, top + y), this.at(left + x, top + y) + 4), (y * width + x) * 4);
    return image;
  }
  putImageData(image, left, top) {
    for (let y = 0; y < image.height; y++)
      for (let x = 0; x < image.width; x++)
        this.put(left + x, top + y, image.data.subarray((y * image.width + x) * 4, (y * image.width + x) * 4 + 4));
  }
  fillRect(left, top, width, height) {
    const colour = [...this.fillStyle.match(/\d+/g).map(Number), 255].slice(0, 4);
    for (let y = top; y < top + height; y++) for (let x = left; x < left + width; x++) this.put(x, y, colour);
  }
  drawImage(from, sx, sy, w, h, x, y) {
    if (x === undefined) [x, y, sx, sy, w, h] = [sx, sy, 0, 0, from.width, from.height];
    const source = from.getContext("2d");
    this.putImageData(source.getImageData(sx, sy, Math.min(w, from.width - sx), Math.min(h, from.height - sy)), x, y);
  }
}

const { window } = new JSDOM("<!doctype html><body></body>", { url, pretendToBeVisual: true });
window.HTMLCanvasElement.prototype.getContext = function () {
  return (this.drawn ??= new Context(this));
};
window.HTMLCanvasElement.prototype.toDataURL = () => "data:image/png;base64,";
window.ImageData = class {
  constructor(data, width, height) {
    Object.assign(this, { data, width, height });
  }
};
for (const name of ["window", "document", "WebSocket", "Image", "ImageData", "Event", "CustomEvent", "MouseEvent", "KeyboardEvent", "MutationObserver"])
  globalThis[name] = name === "window" ? window : window[name];
Object.defineProperty(globalThis, "navigator", { value: window.navigator, configurable: true });
for (const name of ["requestAnimationFrame", "cancelAnimationFrame", "getComputedStyle"]) globalThis[name] = window[name].bind(window);
// A browser has taken the bytes when it returns from this; jsdom has not, and noVNC writes over them.
const { send } = window.WebSocket.prototype;
window.WebSocket.prototype.send = function (data) {
  send.call(this, data.slice());
};
window.isSecureContext = true;
window.ResizeObserver = globalThis.ResizeObserver = class {
  observe() {}
  unobserve() {}
  disconnect() {}
};
// The window is that large, and a viewer fills it.
const WINDOW = { width: 1024, height: 768 };
window.Element.prototype.getBoundingClientRect = () => ({ left: 0, top: 0, right: WINDOW.width, bottom: WINDOW.height, ...WINDOW });

const RFB = require("@novnc/novnc/lib/rfb.js").default;

async function until(true_, what) {
  const limit = Date.now() + 60_000;
  while (!(await true_())) {
    assert(Date.now() < limit, what);
    await new Promise((soon) => setTimeout(soon, 50));
  }
}

// A console by its record.
async function look(session, vm) {
  const all = await Promise.all((await call("VM.get_consoles", session, vm)).map((c) => call("console.get_record", session, c)));
  const { location } = all.find(({ protocol }) => protocol === "rfb");
  const at = new URL(location);
  const target = document.createElement("div");
  document.body.append(target);
  const address = `${url.replace("http", "ws")}${at.pathname}${at.search}&session_id=${session}`;
  const rfb = new RFB(target, address, { wsProtocols: ["binary"] });
  const seen = { rfb, name: "", ended: null };
  rfb.addEventListener("desktopname", ({ detail }) => (seen.name = detail.name));
  rfb.addEventListener("disconnect", ({ detail }) => (seen.ended = detail));
  await new Promise((done, fail) => {
    rfb.addEventListener("connect", done);
    rfb.addEventListener("disconnect", ({ detail }) => fail(new Error(`it was closed: ${JSON.stringify(detail)}`)));
    rfb.addEventListener("securityfailure", ({ detail }) => fail(new Error(JSON.stringify(detail))));
  });
  seen.canvas = target.querySelector("canvas");
  seen.ink = () => {
    const { pixels } = seen.canvas.getContext("2d");
    let lit = 0;
    for (let n = 0; n < pixels.length; n += 4) if (pixels[n] || pixels[n + 1] || pixels[n + 2]) lit++;
    return lit;
  };
  return seen;
}

function type(rfb, text) {
  for (const letter of text) rfb.sendKey(letter === "\n" ? 0xff0d : letter.charCodeAt(0), letter === "\n" ? "Enter" : undefined);
}

const session = await call("session.login_with_password", "root", password, "1.0", "novnc");
const templates = await call("VM.get_all_records", session);
const [template] = Object.entries(templates).find(([, t]) => t.is_a_template && t.name_label === "Other install media");
async function guest(name, kind) {
  const vm = await call("VM.clone", session, template, name);
  await call("VM.provision", session, vm);
  if (kind) await call("VM.set_domain_type", session, vm, kind);
  await call("VM.start", session, vm, false, false);
  return vm;
}

// A machine's screen: what the emulator shows.
const machine = await guest("machine");
const screen = await look(session, machine);
assert(screen.name === "machine", `it is called ${screen.name}`);
await until(() => screen.ink() > 500, "the screen stays dark");
let before = screen.ink();
type(screen.rfb, "key");
await until(() => screen.ink() > before + 40, "keys are not echoed");
screen.rfb.sendCtrlAltDel();

// A text console as pictures, with the size of the window.
const text = await guest("text", "pvh");
const line = await look(session, text);
assert(line.name === "text", `it is called ${line.name}`);
await until(() => line.ink() > 100, "the line stays dark");
before = line.ink();
type(line.rfb, "echo seen\n");
await until(() => line.ink() > before + 100, "what is typed is not shown");
line.rfb.resizeSession = true;
await until(() => line.canvas.width === WINDOW.width && line.canvas.height === WINDOW.height, "the picture does not follow the window");
await until(() => line.ink() > 100, "nothing is shown after that");

// It ends with the guest.
await call("VM.hard_shutdown", session, text);
await until(() => line.ended, "the console outlives its guest");
screen.rfb.disconnect();
await until(() => screen.ended?.clean, "it is not closed cleanly");
console.log("done");
process.exit(0);
