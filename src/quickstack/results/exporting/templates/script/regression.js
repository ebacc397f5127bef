// Numbers: errors, residuals, predicted against actual, for any filter.

import { behind, byId, nothing, path, plot, svg, write } from "./draw.js";
import { count, number, percent, tick } from "./format.js";
import { errors } from "./measures.js";

function drawPairs(id, pairs, [start, step, size], unit) {
	const end = start + step * size;
	const most = Math.max(...pairs);
	if (!most) {
		nothing(id, "No row with a known outcome here.");
		return;
	}
	const suffix = unit ? ` (${unit})` : "";
	const x = { from: start, to: end, label: `Predicted${suffix}` };
	const y = { from: start, to: end, label: `Actual${suffix}` };
	const groups = [];
	plot(id, { x, y, label: "Predicted against actual values", height: 320 }, (layer, toX, toY, box) => {
		const width = toX(start + step) - toX(start);
		const height = toY(start) - toY(start + step);
		for (let p = 0; p < size; p++) {
			let rows = 0;
			let total = 0;
			for (let a = 0; a < size; a++) {
				const here = pairs[a * size + p];
				if (!here) continue;
				rows += here;
				total += here * (start + step * (a + 0.5));
				const shape = { x: toX(start + step * p), y: toY(start + step * (a + 1)), width, height };
				layer.append(
					svg("rect", {
						...shape,
						class: "heat",
						"fill-opacity": (0.18 + 0.82 * (here / most) ** 0.45).toFixed(2),
					}),
				);
			}
			if (rows >= 5) groups.push([start + step * (p + 0.5), total / rows, rows]);
		}
		layer.append(
			path(
				[
					[toX(start), toY(start)],
					[toX(end), toY(end)],
				],
				"chance",
			),
			path(
				groups.map(([p, a]) => [toX(p), toY(a)]),
				"mark-line",
			),
			svg("text", { class: "note", x: box.left + 8, y: box.top + 12 }, "dashed: exactly as predicted"),
			svg("text", { class: "mark-text", x: box.left + 8, y: box.top + 28 }, "line: mean of what happened"),
		);
	});
	behind(
		id,
		["Predicted, about", "Actual, mean", "Rows"],
		() => groups.map(([p, a, rows]) => [number(p), number(a), count(rows)]),
		"Predicted against actual",
	);
}

function drawResiduals(id, bins, [start, step, size], found, unit) {
	const rows = bins.reduce((a, b) => a + b, 0);
	if (!rows) {
		nothing(id, "No row with a known outcome here.");
		return;
	}
	const most = Math.max(...bins) / rows;
	const suffix = unit ? ` (${unit})` : "";
	const x = { from: start, to: start + step * size, label: `Predicted minus actual${suffix}` };
	const y = { from: 0, to: most * 1.1, label: "Share of rows", text: percent };
	const label = "Distribution of the errors";
	plot(id, { x, y, label, height: 320 }, (layer, toX, toY, box) => {
		const width = toX(start + step) - toX(start) - 1;
		bins.forEach((n, i) => {
			const top = toY(n / rows);
			const right = start + step * (i + 0.5) > 0;
			layer.append(
				svg("rect", {
					class: right ? "case" : "other",
					x: toX(start + step * i) + 0.5,
					width,
					y: top,
					height: box.bottom - top,
					rx: 1,
				}),
			);
		});
		const zero = toX(0);
		const mean = toX(Math.min(Math.max(found.bias, start), start + step * size));
		layer.append(
			svg("line", { class: "zero", x1: zero, x2: zero, y1: box.top, y2: box.bottom }),
			svg("line", { class: "mark", x1: mean, x2: mean, y1: box.top - 8, y2: box.bottom }),
			svg(
				"text",
				{
					class: "mark-text",
					x: mean + (mean > zero ? 7 : -7),
					y: box.top,
					"text-anchor": mean > zero ? "start" : "end",
				},
				`mean ${number(found.bias)}`,
			),
			svg("text", { class: "note", x: box.left + 6, y: box.top + 34 }, "too low"),
			svg(
				"text",
				{ class: "case-text", x: box.right - 6, y: box.top + 34, "text-anchor": "end" },
				"too high",
			),
		);
	});
	behind(
		id,
		["Error from", "Rows"],
		() => [...bins].map((n, i) => [i ? tick(start + step * i) : "lower", count(n)]),
		label,
	);
}

function segmentRows(cube, period, pick, valueName) {
	return cube.groups.slice(1).flatMap((group, index) =>
		[...Array(group.places).keys()].map((place) => {
			const found = errors(pick(cube, index + 1, place, period).sums);
			return {
				style: place ? null : "first",
				group: group.name,
				bar: [2, found.mae ?? 0],
				cells: [
					valueName(group, place),
					count(found.rows),
					number(found.mae),
					number(found.bias),
					number(found.rmse),
					...(found.covered === null ? [] : [percent(found.covered)]),
				],
			};
		}),
	);
}

/** Draw everything that depends on the filter. */
export function drawRegression(data, cube, chosen, _edge, period, { pick, valueName, segments }) {
	const found = errors(chosen.sums);
	const unit = data.words.unit;
	const bins = cube.residual[2];
	const pairs = cube.value[2] ** 2;
	const waiting = chosen.counts.slice(bins + pairs).reduce((a, b) => a + b, 0);
	const named = (value) => `${number(value)}${unit ? ` ${unit}` : ""}`;
	write("live-rows", count(found.rows));
	write("live-rows-note", waiting ? `${count(waiting)} more are not known yet` : "rows with a known outcome");
	write("live-mae", number(found.mae));
	write("live-rmse", number(found.rmse));
	write("live-r2", found.r2 === null ? "n/a" : found.r2.toFixed(2));
	write("live-bias", number(found.bias));
	write(
		"live-bias-note",
		found.bias === null ? "" : found.bias > 0 ? "too high on average" : "too low on average",
	);
	if (found.covered !== null) {
		write("live-covered", percent(found.covered));
		write("live-covered-note", `interval ${named(found.width)} wide on average`);
		byId("live-covered").closest("div").hidden = false;
	}
	write(
		"live",
		found.rows
			? `Over ${count(found.rows)} rows, predictions miss by ${named(found.mae)} on average, and are ${named(Math.abs(found.bias))} too ${found.bias > 0 ? "high" : "low"} in the mean.`
			: "No row here has a known outcome.",
	);
	drawPairs("pairs", chosen.counts.slice(bins, bins + pairs), cube.value, unit);
	drawResiduals("residuals", chosen.counts.slice(0, bins), cube.residual, found, unit);
	const head = [
		"Rows",
		"Mean miss",
		"Mean error",
		"RMSE",
		...(found.covered === null ? [] : ["In interval"]),
	];
	segments(segmentRows(cube, period, pick, valueName), head);
}
