// Reads what the page holds, and redraws when somebody asks for another view.

// biome-ignore assist/source/organizeImports: modules are joined in the order of imports
import { columnName, openCube, pick, valueName } from "./histograms.js";
import { byId, html, svg } from "./draw.js";
import { thresholdText } from "./format.js";
import { drawPerformance, drawPublication } from "./time.js";

const read = (id) => JSON.parse(byId(id).textContent);
const data = read("data");
const cube = openCube(data.cells);
const explorable = cube.groups.length > 0;
const slider = byId("threshold");
let draw;

/** The table of segments: a heading for each column, then a line for each of its values. */
function segments(rows, head) {
	const place = byId("segments");
	if (!place) return;
	const most = Math.max(...rows.map((row) => row.bar[1])) || 1;
	const bar = (share) =>
		svg(
			"svg",
			{ class: "bar", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": true },
			svg("rect", { class: "fill", width: 100 * share, height: 10 }),
		);
	const line = (row) =>
		html(
			"tr",
			{},
			...row.cells.map((text, i) => {
				if (!i) return html("th", { scope: "row" }, text);
				return i === row.bar[0]
					? html("td", { class: "number barred" }, bar(row.bar[1] / most), text)
					: html("td", { class: "number" }, text);
			}),
		);
	const parts = [];
	for (const row of rows) {
		if (row.style) {
			const title = html("th", { scope: "rowgroup", colspan: head.length + 1 }, columnName(row.group));
			parts.push(html("tbody", {}, html("tr", { class: "group" }, title)));
		}
		parts.at(-1).append(line(row));
	}
	const titles = head.map((text) => html("th", { scope: "col", class: "number" }, text));
	const heading = html("tr", {}, html("th", { scope: "col" }, "Value"), ...titles);
	place.replaceChildren(
		html("caption", { class: "unseen" }, "Figures of each segment"),
		html("thead", {}, heading),
		...parts,
	);
}

function option(value, text) {
	return html("option", { value }, text);
}

function fillControls() {
	const period = byId("period");
	cube.periods.forEach((name, i) => {
		period.append(option(i, name === null ? "other periods" : name));
	});
	period.closest("label").hidden = cube.periods.length < 2;
	const segment = byId("segment");
	cube.groups.slice(1).forEach((group, index) => {
		const options = [...Array(group.places).keys()].map((place) =>
			option(`${index + 1}:${place}`, valueName(group, place)),
		);
		segment.append(html("optgroup", { label: columnName(group.name) }, ...options));
	});
	segment.closest("label").hidden = cube.groups.length < 2;
	if (slider) {
		slider.max = cube.edges.length - 2;
		slider.value = startEdge();
	}
	data.words.classes?.forEach((name, k) => {
		byId("class")?.append(option(k, name));
	});
}

/** The edge of the contract's threshold. */
function startEdge() {
	const asked = data.decision.threshold;
	return cube.edges.reduce(
		(best, edge, i) => (Math.abs(edge - asked) < Math.abs(cube.edges[best] - asked) ? i : best),
		0,
	);
}

function redraw() {
	if (!explorable) return;
	const began = performance.now();
	const [group, place] = byId("segment").value.split(":");
	const when = byId("period").value;
	const period = when === "" ? null : Number(when);
	const value = place === undefined ? null : Number(place);
	const chosen = pick(cube, Number(group || 0), value, period);
	const edge = slider ? Number(slider.value) : null;
	if (slider) {
		byId("threshold-text").textContent = thresholdText(cube.edges[edge]);
		slider.setAttribute("aria-valuetext", thresholdText(cube.edges[edge]));
	}
	draw(data, cube, chosen, edge, period, { pick, valueName, segments });
	document.documentElement.dataset.redrawMilliseconds = (performance.now() - began).toFixed(2);
}

function drawAll() {
	redraw();
	drawPerformance(data);
	drawPublication(read("publication"), data);
}

function listen() {
	for (const id of ["period", "segment", "class"]) byId(id)?.addEventListener("change", redraw);
	slider?.addEventListener("input", redraw);
	byId("reset")?.addEventListener("click", () => {
		byId("period").value = "";
		byId("segment").value = "";
		if (slider) slider.value = startEdge();
		redraw();
	});
	byId("theme").addEventListener("click", () => {
		const dark = matchMedia("(prefers-color-scheme: dark)").matches;
		const root = document.documentElement;
		const now = root.dataset.theme ?? (dark ? "dark" : "light");
		root.dataset.theme = now === "dark" ? "light" : "dark";
		byId("theme").setAttribute("aria-pressed", String(root.dataset.theme === "dark"));
	});
	let width = innerWidth;
	addEventListener("resize", () => {
		if (innerWidth !== width) requestAnimationFrame(drawAll);
		width = innerWidth;
	});
}

/** Begin, with what draws the task's figures. */
export function start(drawTask) {
	draw = drawTask;
	document.documentElement.classList.add("scripted");
	if (explorable) fillControls();
	listen();
	drawAll();
}
