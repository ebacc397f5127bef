// The measures, from histograms of scores. A row counts as flagged from the edge of its bin on.

const sum = (values) => values.reduce((total, value) => total + value, 0);

/** Interval of a share by Wilson's score method (1927), 95 %. */
export function wilson(hits, rows) {
	if (!rows) return null;
	const z = 1.959964;
	const share = hits / rows;
	const middle = (share + (z * z) / (2 * rows)) / (1 + (z * z) / rows);
	const half =
		(z * Math.sqrt((share * (1 - share)) / rows + (z * z) / (4 * rows * rows))) / (1 + (z * z) / rows);
	return [Math.max(middle - half, 0), Math.min(middle + half, 1)];
}

/** Rows of either outcome at or above each edge; the last edge has none. */
export function ranked(negative, positive) {
	const size = positive.length;
	const above = { positive: new Float64Array(size + 1), negative: new Float64Array(size + 1) };
	for (let bin = size - 1; bin >= 0; bin--) {
		above.positive[bin] = above.positive[bin + 1] + positive[bin];
		above.negative[bin] = above.negative[bin + 1] + negative[bin];
	}
	return above;
}

/** Area under the ROC curve by trapezia; null where one outcome is missing. */
export function area(above) {
	const pairs = above.positive[0] * above.negative[0];
	if (!pairs) return null;
	let total = 0;
	for (let i = 0; i + 1 < above.positive.length; i++) {
		const step = above.negative[i] - above.negative[i + 1];
		total += (step * (above.positive[i] + above.positive[i + 1])) / 2;
	}
	return total / pairs;
}

/** What acting from an edge on gives. */
export function outcomes(above, edge) {
	const positives = above.positive[0];
	const negatives = above.negative[0];
	const hit = above.positive[edge];
	const wasted = above.negative[edge];
	const flagged = hit + wasted;
	const rows = positives + negatives;
	return {
		rows,
		positives,
		flagged,
		hit,
		wasted,
		missed: positives - hit,
		left: negatives - wasted,
		precision: flagged ? hit / flagged : null,
		recall: positives ? hit / positives : null,
		lift: flagged && positives ? hit / flagged / (positives / rows) : null,
	};
}

/** What outcomes are worth together; `worth` holds the value of one row of each. */
export const worthOf = (found, worth) =>
	found.hit * worth.hit + found.wasted * worth.wasted + found.missed * worth.missed + found.left * worth.left;

/** The edge at which acting is worth most; the lowest of equals. */
export function bestEdge(above, worth) {
	let best = 0;
	let highest = Number.NEGATIVE_INFINITY;
	for (let edge = 0; edge + 1 < above.positive.length; edge++) {
		const value = worthOf(outcomes(above, edge), worth);
		if (value > highest + 1e-9) {
			best = edge;
			highest = value;
		}
	}
	return best;
}

/** Groups of about equal size: mean prediction (of the bins' middles) and observed share. */
export function calibration(negative, positive, edges, groups = 10) {
	const rows = sum(positive) + sum(negative);
	const found = [];
	let own = { rows: 0, hits: 0, predicted: 0 };
	let seen = 0;
	positive.forEach((hits, bin) => {
		const here = hits + negative[bin];
		own.rows += here;
		own.hits += hits;
		own.predicted += (here * (edges[bin] + edges[bin + 1])) / 2;
		seen += here;
		if (own.rows && (seen >= ((found.length + 1) * rows) / groups || seen === rows)) {
			const [low, high] = wilson(own.hits, own.rows);
			const predicted = own.predicted / own.rows;
			found.push({ predicted, observed: own.hits / own.rows, low, high, rows: own.rows });
			own = { rows: 0, hits: 0, predicted: 0 };
		}
	});
	return found;
}

/** Per class of a confusion matrix (rows: truth; the last row: unknown) and over all. */
export function confusion(pairs, size) {
	const at = (truth, predicted) => pairs[truth * size + predicted];
	const range = [...Array(size).keys()];
	const classes = range.map((k) => {
		const actual = sum(range.map((j) => at(k, j)));
		const predicted = sum(range.map((j) => at(j, k)));
		const hits = at(k, k);
		return {
			actual,
			predicted,
			hits,
			precision: predicted ? hits / predicted : null,
			recall: actual ? hits / actual : null,
			f1: actual + predicted ? (2 * hits) / (actual + predicted) : null,
		};
	});
	const rows = sum(classes.map((one) => one.actual));
	const known = classes.filter((one) => one.f1 !== null);
	return {
		rows,
		classes,
		right: sum(classes.map((one) => one.hits)),
		accuracy: rows ? sum(classes.map((one) => one.hits)) / rows : null,
		macro: known.length ? sum(known.map((one) => one.f1)) / known.length : null,
		unknown: sum(range.map((k) => at(size, k))),
	};
}

/** The measures of a regression, from sums over rows; error is predicted minus actual. */
export function errors([rows, error, absolute, squared, actual, actualSquared, covered, width]) {
	if (!rows) return { rows: 0, mae: null, rmse: null, bias: null, r2: null, covered: null };
	const spread = actualSquared - (actual * actual) / rows;
	return {
		rows,
		mae: absolute / rows,
		rmse: Math.sqrt(squared / rows),
		bias: error / rows,
		r2: spread > 1e-9 * actualSquared ? 1 - squared / spread : null,
		covered: width > 0 ? covered / rows : null,
		width: width / rows,
	};
}
