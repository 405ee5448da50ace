// SPDX-FileCopyrightText: 2026 Mimica authors
// SPDX-License-Identifier: GPL-3.0-or-later
// The camera's picture goes out over WebRTC, the faces found in it come back over a data channel and are drawn above it.
// The picture is sent as the camera gives it: mirroring is for the eye alone.

const POINTS = 478, HEADER = 32, LOW = -0.5, SPAN = 2, IRISES = [468, 473];
const KEPT_DELAYS = 600;
const at = (id) => document.getElementById(id);
const video = at("video"), canvas = at("mesh"), pen = canvas.getContext("2d");

let mesh = null, stream = null, connection = null, control = null, facing = "user", again = 0, wakeLock = null;
let newest = null, drawn = true, capturing = false, mirrored = true, lines = true, wanted = false;
const delays = [], painted = [];
// For measurements and tests.
window.mimica = { delays, state: "ready", results: 0, faces: 0, here: [] };

function say(text, kind = "") {
  at("says").textContent = text;
  at("state").className = kind;
  window.mimica.state = text;
}

function keptName() {
  let name = null;
  try { name = localStorage.getItem("mimica-device"); } catch { /* private windows may keep nothing */ }
  if (!/^[0-9a-f]{32}$/.test(name || "")) {
    name = Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
    try { localStorage.setItem("mimica-device", name); } catch { /* then it is a new device each time */ }
  }
  return name;
}

function shownName() {
  const agent = navigator.userAgent;
  const android = /Android [^;]*; ([^;)]+)/.exec(agent);
  if (/iPhone/.test(agent)) return "iPhone";
  if (/iPad/.test(agent)) return "iPad";
  if (android) return android[1].replace(/ Build.*/, "").length > 2 ? android[1].replace(/ Build.*/, "") : "Android";
  const system = /Mac OS/.test(agent) ? "Mac" : /Windows/.test(agent) ? "Windows" : /Linux/.test(agent) ? "Linux" : "Browser";
  return `${system} computer`;
}

async function openCamera() {
  const size = new URLSearchParams(location.search).get("size");
  const [width, height] = /^\d{2,4}x\d{2,4}$/.test(size || "") ? size.split("x").map(Number) : [1280, 720];
  const wish = { facingMode: facing, width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: 30, max: 60 } };
  const found = await navigator.mediaDevices.getUserMedia({ video: wish, audio: false });
  const track = found.getVideoTracks()[0];
  track.contentHint = "motion";
  track.addEventListener("ended", () => { if (stream === found) stop("The camera was taken away."); });
  return found;
}

function cameraProblem(error) {
  if (!navigator.mediaDevices) return "This page is not secure, so the browser gives no camera.";
  if (error.name === "NotAllowedError") return "The camera is not allowed. Allow it in the browser's settings for this page.";
  if (error.name === "NotFoundError") return "There is no camera.";
  if (error.name === "NotReadableError") return "Another program uses the camera.";
  return `The camera does not open (${error.message || error.name}).`;
}

async function start() {
  wanted = true;
  at("start").disabled = true;
  say("Opening the camera", "wait");
  try {
    stream = stream || await openCamera();
  } catch (error) {
    at("start").disabled = false;
    say(cameraProblem(error), "bad");
    return;
  }
  video.srcObject = stream;
  video.play().catch(() => {});
  at("empty").hidden = true;
  at("stop").disabled = at("turn").disabled = false;
  try { wakeLock = await navigator.wakeLock.request("screen"); } catch { /* the screen may go dark then */ }
  connect();
}

function stop(text = "Stopped", kind = "") {
  wanted = false;
  clearTimeout(again);
  hangUp();
  if (stream) stream.getTracks().forEach((track) => track.stop());
  stream = null;
  video.srcObject = null;
  if (wakeLock) wakeLock.release().catch(() => {});
  wakeLock = null;
  at("empty").hidden = false;
  at("start").disabled = false;
  at("stop").disabled = at("turn").disabled = true;
  say(text, kind);
}

function hangUp() {
  if (connection) { connection.onconnectionstatechange = null; connection.close(); }
  connection = control = newest = null;
  capturing = false;
  delays.length = painted.length = 0;
  clear();
  for (const id of ["delay", "rate", "found"]) at(id).textContent = "–";
}

function retry(text) {
  hangUp();
  if (!wanted) return;
  say(text, "bad");
  clearTimeout(again);
  again = setTimeout(connect, 2000);
}

async function connect() {
  hangUp();
  say("Connecting", "wait");
  try {
    // Not from the store: a server that began anew has another code.
    const asked = await fetch("ice.json", { cache: "no-store" });
    if (asked.status === 404) { stop("This code is not valid any more. Scan the new one.", "bad"); return; }
    const servers = await asked.json();
    if (!mesh) mesh = await (await fetch("mesh.json")).json();
    const made = connection = new RTCPeerConnection(servers);
    const sender = made.addTransceiver(stream.getVideoTracks()[0], { direction: "sendonly", streams: [stream] }).sender;
    const results = made.createDataChannel("results", { ordered: false, maxRetransmits: 0 });
    results.binaryType = "arraybuffer";
    results.onmessage = (event) => take(event.data);
    control = made.createDataChannel("control");
    control.onmessage = (event) => hear(JSON.parse(event.data));
    made.onconnectionstatechange = () => {
      if (made.connectionState === "failed" || made.connectionState === "closed") retry("The connection was lost.");
      if (made.connectionState === "connected") announce();
    };
    await made.setLocalDescription(await made.createOffer());
    await gathered(made);
    const body = { type: "offer", sdp: made.localDescription.sdp, device: keptName(), name: shownName() };
    const answer = await fetch("offer", { method: "POST", body: JSON.stringify(body) });
    const told = await answer.json().catch(() => ({}));
    if (connection !== made) return;
    if (!answer.ok) {
      if (answer.status === 404) { stop("This code is not valid any more. Scan the new one.", "bad"); return; }
      retry(told.error || "The computer does not answer.");
      return;
    }
    // Begin at a rate at which a picture is sharp, instead of working up to it for seconds.
    const sdp = told.sdp.replace(/(a=fmtp:\d+ )(?!apt=)/g, "$1x-google-start-bitrate=2500;")
      .replace(/a=rtpmap:(\d+) VP8\/90000\r\n(?!a=fmtp:\1)/g, "$&a=fmtp:$1 x-google-start-bitrate=2500\r\n");
    await made.setRemoteDescription({ type: "answer", sdp });
    const wishes = sender.getParameters();
    if (wishes.encodings && wishes.encodings.length) {
      wishes.encodings[0].maxBitrate = 6e6;
      wishes.degradationPreference = "maintain-framerate";
      sender.setParameters(wishes).catch(() => {});
    }
  } catch (error) {
    retry("The computer does not answer.");
  }
}

function gathered(made) {
  if (made.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((done) => {
    const timer = setTimeout(done, 2000);
    made.addEventListener("icegatheringstatechange", () => {
      if (made.iceGatheringState === "complete") { clearTimeout(timer); done(); }
    });
  });
}

function announce() {
  if (!connection || connection.connectionState !== "connected") return;
  if (capturing) say("Capturing", "good");
  else say("Waiting for Start Capture", "wait");
}

function hear(message) {
  if (message.type !== "state") return;
  capturing = message.capturing;
  window.mimica.number = message.number;
  if (!capturing) { newest = null; clear(); }
  for (const id of ["faces", "detection", "tracking"]) if (document.activeElement !== at(id)) show(id, message[id]);
  announce();
}

function show(id, value) {
  at(id).value = value;
  const number = Number(at(id).value);
  at(id).parentElement.querySelector("output").value = id === "faces" ? String(number) : number.toFixed(2);
}

function tell(message) {
  if (control && control.readyState === "open") control.send(JSON.stringify(message));
}

function take(buffer) {
  const view = new DataView(buffer);
  if (buffer.byteLength < HEADER || view.getUint8(0) !== 1) return;
  const number = view.getUint32(4, true);
  // Over a channel without order an older result may come late.
  if (newest && ((number - newest.number) | 0) <= 0 && newest.number - number < 1000) return;
  const faces = [];
  for (let i = 0; i < view.getUint8(1); i++) faces.push(new Uint16Array(buffer, HEADER + i * POINTS * 4, POINTS * 2));
  newest = { number, faces, captured: view.getFloat64(8, true), here: view.getFloat32(16, true),
    rate: view.getFloat32(20, true), aspect: view.getFloat32(24, true) };
  if (drawn) { drawn = false; requestAnimationFrame(paint); }
}

function clear() { pen.clearRect(0, 0, canvas.width, canvas.height); }

function paint() {
  drawn = true;
  const result = newest;
  const box = canvas.getBoundingClientRect(), scale = Math.min(window.devicePixelRatio || 1, 2);
  const across = Math.round(box.width * scale), down = Math.round(box.height * scale);
  if (canvas.width !== across || canvas.height !== down) { canvas.width = across; canvas.height = down; }
  clear();
  if (!result) return;
  // As object-fit: contain places the picture.
  const width = Math.min(across, down * result.aspect), height = width / result.aspect;
  const left = (across - width) / 2, top = (down - height) / 2;
  if (lines) for (const face of result.faces) {
    const x = (i) => left + (face[2 * i] / 65535 * SPAN + LOW) * width;
    const y = (i) => top + (face[2 * i + 1] / 65535 * SPAN + LOW) * height;
    pen.lineJoin = "round";
    pen.beginPath();
    for (const [a, b] of mesh.edges) { pen.moveTo(x(a), y(a)); pen.lineTo(x(b), y(b)); }
    pen.strokeStyle = "rgb(170 235 222 / .34)";
    pen.lineWidth = 0.8 * scale;
    pen.stroke();
    pen.beginPath();
    for (const line of Object.values(mesh.contours).flat()) line.forEach((i, n) => n ? pen.lineTo(x(i), y(i)) : pen.moveTo(x(i), y(i)));
    for (const i of IRISES) {
      if (!face[2 * i] && !face[2 * i + 1]) continue;
      let radius = 0;
      for (let k = 1; k < 5; k++) radius += Math.hypot(x(i + k) - x(i), y(i + k) - y(i)) / 4;
      pen.moveTo(x(i) + radius, y(i));
      pen.arc(x(i), y(i), radius, 0, 2 * Math.PI);
    }
    pen.strokeStyle = "rgb(79 209 181)";
    pen.lineWidth = 2 * scale;
    pen.stroke();
  }
  const now = performance.now();
  window.mimica.results++;
  window.mimica.faces = result.faces.length;
  window.mimica.here = [...window.mimica.here.slice(-KEPT_DELAYS), result.here];
  const delay = performance.timeOrigin + now - result.captured;
  // The sender's reports have not come yet, or this browser dates them by another clock.
  if (delay > 0 && delay < 5000) delays.push(delay);
  if (delays.length > KEPT_DELAYS) delays.shift();
  painted.push(now);
  while (painted[0] < now - 1000) painted.shift();
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length ? sorted[sorted.length >> 1] : NaN;
}

setInterval(() => {
  if (!newest) return;
  const now = performance.now();
  while (painted.length && painted[0] < now - 1000) painted.shift();
  const delay = median(delays.slice(-30));
  at("delay").textContent = Number.isFinite(delay) ? `${Math.round(delay)} ms` : "–";
  at("rate").textContent = `${painted.length}/s`;
  at("found").textContent = String(newest.faces.length);
  tell({ type: "figures", delay: Number.isFinite(delay) ? delay : 0, rate: painted.length });
}, 500);

function setMirror(on) {
  mirrored = on;
  at("stage").classList.toggle("mirrored", on);
  at("mirror").setAttribute("aria-pressed", String(on));
}

async function turn() {
  facing = facing === "user" ? "environment" : "user";
  at("turn").textContent = facing === "user" ? "Back Camera" : "Front Camera";
  at("turn").disabled = true;
  // Phones open one camera at a time.
  const old = stream;
  stream = null;
  old.getTracks().forEach((track) => track.stop());
  try {
    stream = await openCamera();
    video.srcObject = stream;
    video.play().catch(() => {});
    setMirror(facing === "user");
    const sender = connection && connection.getSenders().find((one) => one.track && one.track.kind === "video");
    if (sender) await sender.replaceTrack(stream.getVideoTracks()[0]);
    at("turn").disabled = false;
  } catch (error) {
    stop(cameraProblem(error), "bad");
  }
}

at("start").onclick = start;
at("stop").onclick = () => stop();
at("turn").onclick = turn;
at("mirror").onclick = () => setMirror(!mirrored);
at("lines").onclick = () => { lines = !lines; at("lines").setAttribute("aria-pressed", String(lines)); };
for (const id of ["faces", "detection", "tracking"]) {
  show(id, at(id).value);
  at(id).oninput = () => {
    show(id, at(id).value);
    tell({ type: "settings", faces: Number(at("faces").value), detection: Number(at("detection").value),
      tracking: Number(at("tracking").value) });
  };
}
document.addEventListener("visibilitychange", async () => {
  if (document.visibilityState !== "visible" || !wanted) return;
  try { wakeLock = await navigator.wakeLock.request("screen"); } catch { /* see above */ }
  if (!connection || connection.connectionState !== "connected") connect();
});
setMirror(true);
