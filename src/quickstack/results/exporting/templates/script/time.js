// The predictions period by period, and the runs that were published.

import { behind, byId, html, path, plot, svg, table, write } from "./draw.js";
import { count, hours, moment, number } from "./format.js";

/** Points over time: value with an interval where there is one, and a line to compare with. */
function drawPoints(id, points, { label, unit, compare, better, most, least }) {
	const known = points.filter((p) => p.value !== null);
	if (known.length < 2) {
		byId(id)?.closest("figure").setAttribute("hidden", "");
		return;
	}
	const ends = known.flatMap((p) => [p.low ?? p.value, p.high ?? p.value]).concat(compare ?? []);
	const gap = Math.max(...ends) - Math.min(...ends) || Math.abs(ends[0]) || 1;
	const y = {
		from: Math.max(Math.min(...ends) - gap * 0.25, least ?? Number.NEGATIVE_INFINITY),
		to: Math.min(Math.max(...ends) + gap * 0.25, most ?? Number.POSITIVE_INFINITY),
		label: `${unit} (${better})`,
	};
	const every = Math.ceil(points.length / (byId(id).clientWidth < 420 ? 4 : 8));
	const marks = points.map((_, i) => i).filter((i) => (points.length - 1 - i) % every === 0);
	const x = { from: -0.3, to: points.length - 0.7, ticks: marks, text: (i) => points[i].name, label: "" };
	plot(id, { x, y, label, height: 230 }, (layer, toX, toY, box) => {
		if (compare !== undefined && compare !== null) {
			layer.append(
				path(
					[
						[box.left, toY(compare)],
						[box.right, toY(compare)],
					],
					"chance",
				),
				svg(
					"text",
					{ class: "note", x: box.left + 4, y: toY(compare) + (known[0].value > compare ? 15 : -6) },
					`dashed: in training, ${number(compare)}`,
				),
			);
		}
		const at = points.map((p, i) => (p.value === null ? null : [toX(i), toY(p.value)]));
		layer.append(
			path(
				at.filter((p) => p),
				"line",
			),
		);
		points.forEach((p, i) => {
			if (!at[i]) {
				layer.append(
					svg(
						"text",
						{ class: "note", x: toX(i), y: box.bottom - 8, "text-anchor": "middle" },
						"not known yet",
					),
				);
				return;
			}
			if (p.low !== null && p.low !== undefined) {
				layer.append(
					svg("line", { class: "whisker", x1: toX(i), x2: toX(i), y1: toY(p.high), y2: toY(p.low) }),
				);
			}
			layer.append(svg("circle", { class: p.bad ? "dot bad" : "dot", cx: at[i][0], cy: at[i][1], r: 4.5 }));
		});
		const last = at.findLastIndex((p) => p);
		const place = { x: Math.min(at[last][0] + 14, box.right + 12), y: at[last][1] - 12 };
		layer.append(svg("text", { class: "big", ...place, "text-anchor": "end" }, number(points[last].value)));
	});
	behind(id, ["", unit], () => points.map((p) => [p.name, number(p.value)]), label);
}

/** Draw the predictions over time. */
export function drawPerformance({ performance }) {
	drawPoints("performance", performance.points, { ...performance, label: "Predictions over time" });
}

function stamp(publication) {
	write("stamp-code", publication.revision ? publication.revision.slice(0, 12) : "n/a");
	write("stamp-run", publication.run ?? "n/a");
	write("published", `Published ${moment(publication.published)}`);
	write("changed", publication.changed ?? "This is the first published run.");
	if (publication.reason) write("reason", `Published although it is worse, because: ${publication.reason}`);
	const fresh = publication.freshness ?? {};
	const age = fresh.age_hours ?? null;
	const told = [];
	if (publication.newest_row)
		told.push(`The newest row is from ${moment(publication.newest_row).split(",")[0]}`);
	if (age !== null) told.push(`${hours(age)} old when this was published`);
	if ((fresh.promise_hours ?? null) !== null) {
		const kept = fresh.kept === null ? "" : fresh.kept ? ": kept" : ": broken";
		told.push(`promised are at most ${hours(fresh.promise_hours)}${kept}`);
	}
	if ((fresh.lead_hours ?? null) !== null)
		told.push(`from arrival of the data to here it took ${hours(fresh.lead_hours)}`);
	write("fresh", told.length ? `${told.join("; ")}.` : "How fresh the data are is not known.");
	byId("fresh").classList.toggle("late", fresh.kept === false);
}

/** Show when and where the run was published, and the runs before it. */
export function drawPublication(publication, data) {
	if (!publication) return;
	// Shown first: what is hidden has no width to draw in.
	byId("unpublished")?.remove();
	byId("published-facts").hidden = false;
	stamp(publication);
	const runs = publication.history ?? [];
	const main = data.words.metric;
	const name = (run) =>
		run.published ? moment(run.published).split(" ").slice(0, 2).join(" ") : (run.run ?? "");
	drawPoints(
		"runs",
		runs.map((run) => ({
			name: name(run),
			value: run.value ?? null,
			low: run.low,
			high: run.high,
			bad: run.verdict === "alarm",
		})),
		{ ...data.performance, compare: null, label: "Quality of each published run", unit: main },
	);
	const short = (text) => (text ? text.slice(0, 8) : "n/a");
	table(
		"history",
		[
			"Published",
			"Code",
			"Data",
			"Model",
			main,
			"95 % interval",
			"Verdict",
			"Drifted",
			"Clean rows",
			"Set aside",
		],
		[...runs].reverse().map((run) => ({
			cells: [
				moment(run.published),
				short(run.revision),
				short(run.data_version),
				short(run.model_version),
				number(run.value),
				run.low === null || run.low === undefined ? "n/a" : `${number(run.low)} to ${number(run.high)}`,
				run.verdict ?? "n/a",
				String(run.drifted ?? "n/a"),
				run.clean === null ? "n/a" : count(run.clean),
				run.quarantined === null ? "n/a" : count(run.quarantined),
			],
		})),
		"Published runs, the newest first",
	);
	byId("history").closest("div").hidden = runs.length === 0;
	if (!runs.length) byId("published-facts").append(html("p", { class: "soft" }, "No earlier run is known."));
}
