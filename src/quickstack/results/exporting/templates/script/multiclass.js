// Several classes: what is taken for what, and each class against the rest.

import { drawRoc, drawScores } from "./binary.js";
import { byId, html, table, write } from "./draw.js";
import { count, percent } from "./format.js";
import { area, confusion, ranked } from "./measures.js";

/** Histograms of the probability of a class, in rows of other classes and of its own. */
function oneAgainstRest(counts, size, bins, k) {
	const start = size * (size + 1) + 2 * k * bins;
	return {
		negative: counts.slice(start, start + bins),
		positive: counts.slice(start + bins, start + 2 * bins),
	};
}

function drawConfusion(pairs, found, names) {
	const size = names.length;
	const head = names.map((name) => html("th", { scope: "col", class: "number" }, name));
	const lines = names.map((name, truth) => {
		const actual = found.classes[truth].actual;
		const cells = names.map((_, predicted) => {
			const rows = pairs[truth * size + predicted];
			const share = actual ? rows / actual : 0;
			const level = Math.ceil(share * 5 - 1e-9);
			const style = `number heat-${truth === predicted ? "good" : "bad"}-${level}`;
			return html("td", { class: style }, html("b", {}, percent(share)), html("span", {}, count(rows)));
		});
		return html("tr", {}, html("th", { scope: "row" }, name), ...cells);
	});
	byId("confusion")?.replaceChildren(
		html("caption", { class: "unseen" }, "Rows by their class and the predicted class"),
		html("thead", {}, html("tr", {}, html("th", { scope: "col" }, "is ↓ predicted →"), ...head)),
		html("tbody", {}, ...lines),
	);
}

/** Draw everything that depends on the filter. */
export function drawMulticlass(data, cube, chosen, _edge, period, { pick, valueName, segments }) {
	const names = data.words.classes;
	const size = names.length;
	const bins = cube.edges.length - 1;
	const found = confusion(chosen.counts, size);
	write("live-rows", count(found.rows));
	write(
		"live-rows-note",
		found.unknown ? `${count(found.unknown)} more are not known yet` : "rows with a known outcome",
	);
	write("live-accuracy", percent(found.accuracy));
	write("live-accuracy-note", `${count(found.right)} of ${count(found.rows)} rows`);
	write("live-macro", found.macro === null ? "n/a" : found.macro.toFixed(2));
	const weakest = found.classes.map((one, k) => [one.recall ?? 2, names[k]]).sort((a, b) => a[0] - b[0])[0];
	write("live-weakest", found.rows ? weakest[1] : "n/a");
	write("live-weakest-note", found.rows ? `${percent(weakest[0])} of its rows are found` : "");
	write(
		"live",
		found.rows
			? `Over ${count(found.rows)} rows, ${percent(found.accuracy)} get the right class. Hardest to find is ${weakest[1]}: ${percent(weakest[0])}.`
			: "No row here has a known outcome.",
	);
	drawConfusion(chosen.counts, found, names);
	const auc = names.map((_, k) => {
		const { negative, positive } = oneAgainstRest(chosen.counts, size, bins, k);
		return area(ranked(negative, positive));
	});
	table(
		"classes",
		["Class", "Rows", "Predicted", "Right", "Found", "F1", "AUC"],
		found.classes.map((one, k) => ({
			cells: [
				names[k],
				count(one.actual),
				count(one.predicted),
				percent(one.precision),
				percent(one.recall),
				one.f1 === null ? "n/a" : one.f1.toFixed(2),
				auc[k] === null ? "n/a" : auc[k].toFixed(2),
			],
		})),
		"Figures of each class",
	);
	const k = Number(byId("class").value);
	const { negative, positive } = oneAgainstRest(chosen.counts, size, bins, k);
	drawRoc("roc", ranked(negative, positive), null);
	drawScores("scores", negative, positive, cube.edges, [names[k], "other classes"], null);
	const rows = cube.groups.slice(1).flatMap((group, index) =>
		[...Array(group.places).keys()].map((place) => {
			const own = confusion(pick(cube, index + 1, place, period).counts, size);
			return {
				style: place ? null : "first",
				group: group.name,
				bar: [2, own.accuracy ?? 0],
				cells: [
					valueName(group, place),
					count(own.rows),
					percent(own.accuracy),
					own.macro === null ? "n/a" : own.macro.toFixed(2),
				],
			};
		}),
	);
	segments(rows, ["Rows", "Right", "Macro F1"]);
}
