// Small helpers that draw SVG and tables; text is only ever set as text.

import { tick } from "./format.js";

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
	for (const [name, value] of Object.entries(attributes ?? {})) {
		if (value !== null && value !== undefined) node.setAttribute(name, value);
	}
	node.append(...children.filter((child) => child !== null));
	return node;
}

/** Make an element of SVG. */
export const svg = (name, attributes, ...children) =>
	fill(document.createElementNS(SVG, name), attributes, children);

/** Make an element of HTML. */
export const html = (name, attributes, ...children) =>
	fill(document.createElement(name), attributes, children);

export const byId = (id) => document.getElementById(id);

/** Set the text of an element where the page has it. */
export function write(id, text) {
	const node = byId(id);
	if (node && node.textContent !== text) node.textContent = text;
}

/** A scale from a domain to a range. */
export const scale = (from, to, start, end) => (value) =>
	start + ((value - from) / (to - from || 1)) * (end - start);

/** Round values between two ends, about so many. */
export function ticks(from, to, about = 5) {
	const raw = (to - from) / about || 1;
	const power = 10 ** Math.floor(Math.log10(raw));
	const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999);
	const found = [];
	for (let i = Math.ceil(from / step - 1e-6); i * step <= to + step * 1e-6; i++) {
		found.push(+(i * step).toPrecision(12));
	}
	return found;
}

/**
 * Draw a chart with axes: clears the place, and calls `paint` with the layer and the scales.
 * `x` and `y` hold `from`, `to`, `label`, and `text` for the labels of their ticks.
 */
export function plot(id, { height = 250, x, y, label, left = 46 }, paint) {
	const place = byId(id);
	if (!place) return;
	const width = Math.max(Math.round(place.clientWidth), 240);
	const box = { left, right: width - 14, top: 24, bottom: height - 40 };
	const toX = scale(x.from, x.to, box.left, box.right);
	const toY = scale(y.from, y.to, box.bottom, box.top);
	const back = svg("g", { class: "axis" });
	const textY = y.text ?? tick;
	for (const value of y.ticks ?? ticks(y.from, y.to, 5)) {
		const at = toY(value);
		back.append(
			svg("line", { x1: box.left, x2: box.right, y1: at, y2: at }),
			svg("text", { x: box.left - 7, y: at + 4, "text-anchor": "end" }, textY(value)),
		);
	}
	const textX = x.text ?? tick;
	for (const value of x.ticks ?? ticks(x.from, x.to, width < 420 ? 4 : 6)) {
		const text = textX(value);
		// About 7 pixels a letter: a label at an end stays inside.
		const half = String(text).length * 3.5;
		const at = Math.max(Math.min(toX(value), width - half), half);
		back.append(svg("text", { x: at, y: box.bottom + 17, "text-anchor": "middle" }, text));
	}
	back.append(
		svg("text", { class: "label", x: box.right, y: height - 6, "text-anchor": "end" }, x.label),
		svg("text", { class: "label", x: 2, y: 11 }, y.label),
	);
	const layer = svg("g", {});
	place.replaceChildren(
		svg(
			"svg",
			{ viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label },
			back,
			layer,
		),
	);
	paint(layer, toX, toY, box);
}

/** A line through points. */
export const path = (points, style) =>
	svg("path", {
		class: style,
		d: points.map(([px, py], i) => `${i ? "L" : "M"}${px.toFixed(1)} ${py.toFixed(1)}`).join(""),
	});

/** Text beside a point, kept inside the box. */
export function note(px, py, text, box, style = "note") {
	const right = px > (box.left + box.right) / 2;
	const attributes = { class: style, x: px + (right ? -9 : 9), y: Math.max(py, box.top + 4) };
	return svg("text", { ...attributes, "text-anchor": right ? "end" : "start" }, text);
}

/** Say that there is nothing to draw. */
export function nothing(id, text) {
	byId(id)?.replaceChildren(html("p", { class: "nothing" }, text));
}

/** Fill a table: `rows` of text; the first cell of a row is its header, numbers stand right. */
export function table(id, head, rows, caption) {
	const place = byId(id);
	if (!place) return;
	const style = (index) => (index ? { class: "number" } : {});
	const title = head.map((text, i) => html("th", { scope: "col", ...style(i) }, text));
	const lines = rows.map((row) =>
		html(
			"tr",
			{ class: row.style },
			...row.cells.map((cell, i) => (i ? html("td", style(i), cell) : html("th", { scope: "row" }, cell))),
		),
	);
	place.replaceChildren(
		html("caption", { class: "unseen" }, caption),
		html("thead", {}, html("tr", {}, ...title)),
		html("tbody", {}, ...lines),
	);
}

/** Fill the numbers behind a chart, when somebody looks at them. */
export function behind(id, head, rows, caption) {
	const place = byId(`${id}-numbers`);
	const details = place?.closest("details");
	if (!details) return;
	const show = () => {
		if (details.open)
			table(
				place.id,
				head,
				rows().map((cells) => ({ cells })),
				caption,
			);
	};
	details.ontoggle = show;
	show();
}
