// Two classes: figures at a threshold, for any filter.

import { behind, note, nothing, path, plot, svg, write } from "./draw.js";
import { amount, count, number, percent, thresholdText } from "./format.js";
import { area, bestEdge, calibration, outcomes, ranked, wilson, worthOf } from "./measures.js";

/** Split summed cells by outcome. */
export function histograms(counts, edges) {
	const size = edges.length - 1;
	const part = (channel) => counts.slice(channel * size, (channel + 1) * size);
	return { negative: part(0), positive: part(1), unknown: part(2) };
}

const asPercent = (value) => `${+(100 * value).toFixed(1)} %`;

/** Bars of equal width of a histogram over the probability, as shares of its rows. */
function bars(counts, edges, size) {
	const rows = counts.reduce((a, b) => a + b, 0) || 1;
	const found = new Array(size).fill(0);
	counts.forEach((n, bin) => {
		found[Math.min(Math.floor(edges[bin] * size + 1e-6), size - 1)] += n / rows;
	});
	return found;
}

/** Two distributions, one upwards and one downwards, each as shares of its own rows. */
export function drawScores(id, negative, positive, edges, names, threshold) {
	const size = Math.min(40, Math.floor((edges.length - 1) / 2));
	const up = bars(positive, edges, size);
	const down = bars(negative, edges, size);
	let last = size;
	while (last > 4 && up[last - 1] < 0.001 && down[last - 1] < 0.001) last--;
	const high = Math.max(...up, 0.01);
	const low = Math.max(...down, 0.01);
	const y = { from: -1, to: 1, label: `Share of each group, in bars of ${100 / size} points` };
	const at = (share, most) => share / most;
	Object.assign(y, { ticks: [-1, 0, 1] });
	y.text = (value) => (value ? percent(value > 0 ? high : low) : "0 %");
	const x = { from: 0, to: last / size, label: "Predicted probability", text: asPercent };
	const label = `Distribution of the predicted probability: ${names[0]} above, ${names[1]} below`;
	plot(id, { x, y, label, height: 270, left: 52 }, (layer, toX, toY, box) => {
		const width = toX(1 / size) - toX(0) - 1;
		for (let i = 0; i < last; i++) {
			const top = toY(at(up[i], high));
			const end = toY(-at(down[i], low));
			const left = toX(i / size) + 0.5;
			const shape = { x: left, width, rx: 1 };
			layer.append(
				svg("rect", { ...shape, class: "case", y: top, height: toY(0) - top }),
				svg("rect", { ...shape, class: "other", y: toY(0), height: end - toY(0) }),
			);
		}
		layer.append(
			svg("text", { class: "case-text", x: box.right, y: box.top + 28, "text-anchor": "end" }, names[0]),
			svg("text", { class: "note", x: box.right, y: box.bottom - 6, "text-anchor": "end" }, names[1]),
		);
		if (threshold === null || threshold > last / size) return;
		const mark = toX(threshold);
		layer.append(
			svg("line", { class: "mark", x1: mark, x2: mark, y1: box.top - 8, y2: box.bottom }),
			note(mark, box.top, `act from ${thresholdText(threshold)}`, box, "mark-text"),
		);
	});
	behind(
		id,
		["Probability from", names[0], names[1]],
		() => up.map((share, i) => [asPercent(i / size), percent(share), percent(down[i])]),
		label,
	);
}

/** The ROC curve, with a point where `edge` is given. */
export function drawRoc(id, above, edge) {
	const auc = area(above);
	if (auc === null) {
		nothing(id, "Needs rows of both outcomes.");
		return;
	}
	const points = [...above.positive].map((hits, i) => [
		above.negative[i] / above.negative[0],
		hits / above.positive[0],
	]);
	const axis = { from: 0, to: 1, ticks: [0, 0.25, 0.5, 0.75, 1], text: percent };
	const x = { ...axis, label: "Non-cases flagged by mistake" };
	const y = { ...axis, label: "Cases found" };
	plot(id, { x, y, label: `ROC curve, area ${auc.toFixed(2)}` }, (layer, toX, toY, box) => {
		const drawn = points.map(([a, b]) => [toX(a), toY(b)]);
		const corners = [
			[toX(1), toY(0)],
			[toX(0), toY(0)],
		];
		layer.append(
			path([...drawn].reverse().concat(corners), "area"),
			path(
				[
					[toX(0), toY(0)],
					[toX(1), toY(1)],
				],
				"chance",
			),
			path(drawn, "line"),
			svg(
				"text",
				{ class: "big", x: box.right - 4, y: box.bottom - 26, "text-anchor": "end" },
				`AUC ${auc.toFixed(2)}`,
			),
			svg(
				"text",
				{ class: "note", x: box.right - 4, y: box.bottom - 9, "text-anchor": "end" },
				"dashed: chance, 0.50",
			),
		);
		if (edge !== null) {
			layer.append(svg("circle", { class: "point", r: 6, cx: drawn[edge][0], cy: drawn[edge][1] }));
		}
	});
	behind(
		id,
		["Non-cases flagged", "Cases found"],
		() => points.filter((_, i) => i % 10 === 0).map((point) => point.map(percent)),
		"ROC curve",
	);
}

function drawCalibration(id, negative, positive, edges) {
	const found = calibration(negative, positive, edges);
	if (!found.length) {
		nothing(id, "No row with a known outcome here.");
		return;
	}
	const most = Math.max(...found.map((g) => Math.max(g.predicted, g.high))) * 1.04;
	const axis = { from: 0, to: Math.min(most, 1), text: asPercent };
	const x = { ...axis, label: "Predicted probability" };
	const y = { ...axis, label: "What happened, with 95 % interval" };
	plot(id, { x, y, label: "Predicted probability against what happened" }, (layer, toX, toY, box) => {
		layer.append(
			path(
				[
					[toX(0), toY(0)],
					[toX(axis.to), toY(axis.to)],
				],
				"chance",
			),
		);
		for (const g of found) {
			const cx = toX(g.predicted);
			layer.append(
				svg("line", { class: "whisker", x1: cx, x2: cx, y1: toY(Math.min(g.high, axis.to)), y2: toY(g.low) }),
				svg("circle", { class: "dot", cx, cy: toY(g.observed), r: 4.5 }),
			);
		}
		layer.append(
			svg(
				"text",
				{ class: "note", x: box.right - 4, y: box.bottom - 9, "text-anchor": "end" },
				"dashed: exactly as predicted",
			),
		);
	});
	behind(
		id,
		["Predicted", "Happened", "95 % interval", "Rows"],
		() =>
			found.map((g) => [
				percent(g.predicted),
				percent(g.observed),
				`${percent(g.low)} to ${percent(g.high)}`,
				count(g.rows),
			]),
		"Calibration",
	);
}

/** The thresholds that are worth drawing: up to where fewer than five rows are flagged. */
function thresholds(above, edges) {
	const all = [...edges.keys()].slice(0, -1);
	const few = all.findIndex((i) => i > 5 && above.positive[i] + above.negative[i] < 5);
	return few < 0 ? all : all.slice(0, few);
}

const thresholdAxis = (edges, shown) => ({
	from: 0,
	to: edges[shown.length - 1],
	label: "Act from this probability on",
	text: asPercent,
});

function drawWorth(id, above, edges, edge, decision) {
	const shown = thresholds(above, edges);
	const values = shown.map((i) => worthOf(outcomes(above, i), decision));
	const [missed, left] = [above.positive[0], above.negative[0]];
	const idle = worthOf({ hit: 0, wasted: 0, missed, left }, decision);
	const top = Math.max(...values, idle);
	// Acting on everybody may cost so much that the rest of the curve would lie flat.
	const floor = Math.max(Math.min(idle, ...values), idle - 1.5 * (top - idle || 1));
	const unit = decision.unit;
	const y = { from: floor, to: top + (top - floor) * 0.1, label: `Worth in ${unit}` };
	const frame = { x: thresholdAxis(edges, shown), y, label: "Worth by threshold", left: 54 };
	plot(id, frame, (layer, toX, toY, box) => {
		const best = bestEdge(above, decision);
		const drawn = shown.filter((i) => values[i] >= floor);
		const now = shown[Math.min(edge, shown.length - 1)];
		const [x, mark] = [toX(edges[best]), toX(edges[now])];
		const text = `best: ${thresholdText(edges[best])}, ${amount(values[best] ?? idle, unit)}`;
		layer.append(
			path(
				[
					[box.left, toY(idle)],
					[box.right, toY(idle)],
				],
				"chance",
			),
			svg(
				"text",
				{ class: "note", x: box.right - 4, y: toY(idle) + 16, "text-anchor": "end" },
				"dashed: never act",
			),
			path(
				drawn.map((i) => [toX(edges[i]), toY(values[i])]),
				"line",
			),
			svg("line", { class: "mark", x1: mark, x2: mark, y1: box.top, y2: box.bottom }),
			svg("circle", { class: "best", r: 5, cx: x, cy: toY(values[best] ?? idle) }),
			note(x, toY(values[best] ?? idle) - 10, text, box, "best-text"),
			svg("circle", { class: "point", r: 6, cx: mark, cy: toY(Math.max(values[now], floor)) }),
		);
	});
	behind(
		id,
		["From", unit, "Rows flagged"],
		() =>
			shown
				.filter((i) => i % 5 === 0 || i === edge)
				.map((i) => [thresholdText(edges[i]), amount(values[i]), count(outcomes(above, i).flagged)]),
		"Worth by threshold",
	);
}

function drawTradeoff(id, above, edges, edge) {
	const shown = thresholds(above, edges);
	const found = shown.map((i) => outcomes(above, i));
	const y = { from: 0, to: 1, ticks: [0, 0.25, 0.5, 0.75, 1], text: percent, label: "Share" };
	const frame = { x: thresholdAxis(edges, shown), y, label: "Right and found, by threshold" };
	plot(id, frame, (layer, toX, toY, box) => {
		const line = (name) => shown.map((i) => [toX(edges[i]), toY(found[i][name] ?? 0)]);
		const now = shown[Math.min(edge, shown.length - 1)];
		const mark = toX(edges[now]);
		layer.append(
			path(line("recall"), "line other-line"),
			path(line("precision"), "line"),
			svg("line", { class: "mark", x1: mark, x2: mark, y1: box.top, y2: box.bottom }),
			svg(
				"text",
				{ class: "case-text", x: box.right - 4, y: box.top + 12, "text-anchor": "end" },
				"flags that are right",
			),
			svg(
				"text",
				{ class: "strong-text", x: box.right - 4, y: box.top + 28, "text-anchor": "end" },
				"cases found (dotted)",
			),
			svg("circle", { class: "point", r: 5, cx: mark, cy: toY(found[now].precision ?? 0) }),
			svg("circle", { class: "point", r: 5, cx: mark, cy: toY(found[now].recall ?? 0) }),
		);
	});
	behind(
		id,
		["From", "Flags that are right", "Cases found"],
		() =>
			shown
				.filter((i) => i % 5 === 0 || i === edge)
				.map((i) => [thresholdText(edges[i]), percent(found[i].precision), percent(found[i].recall)]),
		"Right and found, by threshold",
	);
}

function segmentRows(data, cube, edge, period, pick, valueName) {
	return cube.groups.slice(1).flatMap((group, index) =>
		[...Array(group.places).keys()].map((place) => {
			const { negative, positive } = histograms(pick(cube, index + 1, place, period).counts, cube.edges);
			const above = ranked(negative, positive);
			const found = outcomes(above, edge);
			const auc = area(above);
			const worth = data.decision.unit ? [amount(worthOf(found, data.decision))] : [];
			return {
				style: place ? null : "first",
				group: group.name,
				bar: [2, found.rows ? found.positives / found.rows : 0],
				cells: [
					valueName(group, place),
					count(found.rows),
					percent(found.rows ? found.positives / found.rows : null),
					percent(found.rows ? found.flagged / found.rows : null),
					percent(found.precision),
					percent(found.recall),
					auc === null ? "n/a" : auc.toFixed(2),
					...worth,
				],
			};
		}),
	);
}

/** Draw everything that depends on filter and threshold. */
export function drawBinary(data, cube, chosen, edge, period, { pick, valueName, segments }) {
	const { edges } = cube;
	const { negative, positive, unknown } = histograms(chosen.counts, edges);
	const above = ranked(negative, positive);
	const found = outcomes(above, edge);
	const between = wilson(found.hit, found.flagged);
	const alone = unknown.reduce((a, b) => a + b, 0);
	const waiting = unknown.slice(edge).reduce((a, b) => a + b, 0);
	const worth = worthOf(found, data.decision);
	write("live-flagged", count(found.flagged));
	write(
		"live-flagged-note",
		`of ${count(found.rows)} rows (${percent(found.rows ? found.flagged / found.rows : null)})`,
	);
	write("live-precision", percent(found.precision));
	write(
		"live-precision-note",
		between ? `95 %: ${percent(between[0])} to ${percent(between[1])}` : "nobody is flagged",
	);
	write("live-recall", percent(found.recall));
	write("live-recall-note", `${count(found.hit)} of ${count(found.positives)} cases`);
	write("live-lift", found.lift === null ? "n/a" : `${number(found.lift)} ×`);
	if (data.decision.unit) {
		write("live-worth", amount(worth, data.decision.unit));
		write(
			"live-worth-note",
			found.rows ? `${amount(worth / found.rows, data.decision.unit)} per row` : "no rows",
		);
	}
	const sentence = found.rows
		? `Acting from ${thresholdText(edges[edge])} on flags ${count(found.flagged)} of ${count(found.rows)} rows. ${percent(found.precision)} of them are cases; ${percent(found.recall)} of all cases are found.`
		: "No row here has a known outcome.";
	const later = alone
		? ` Of ${count(alone)} rows whose outcome is not known yet, ${count(waiting)} are flagged.`
		: "";
	write("live", sentence + later);
	write("live-auc", area(above) === null ? "n/a" : area(above).toFixed(2));
	drawScores("scores", negative, positive, edges, [data.words.case, "all others"], edges[edge]);
	if (found.rows) {
		if (data.decision.unit) drawWorth("worth", above, edges, edge, data.decision);
		drawTradeoff("tradeoff", above, edges, edge);
	} else for (const id of ["worth", "tradeoff"]) nothing(id, "No row with a known outcome here.");
	drawRoc("roc", above, edge);
	drawCalibration("calibration", negative, positive, edges);
	for (const [id, rows, each] of [
		["hit", found.hit, data.decision.hit],
		["missed", found.missed, data.decision.missed],
		["wasted", found.wasted, data.decision.wasted],
		["left", found.left, data.decision.left],
	]) {
		write(`cell-${id}`, count(rows));
		if (data.decision.unit) write(`cell-${id}-worth`, amount(rows * each, data.decision.unit, true));
	}
	const head = [
		"Rows",
		"Cases",
		"Flagged",
		"Right",
		"Found",
		"AUC",
		...(data.decision.unit ? [data.decision.unit] : []),
	];
	segments(segmentRows(data, cube, edge, period, pick, valueName), head);
}
