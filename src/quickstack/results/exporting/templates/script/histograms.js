// The histograms of the page, twin of histograms.py: unpacked once, added up for a filter.

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const CODE = new Map([...DIGITS].map((digit, index) => [digit, index]));

/**
 * Read packed counts: digits of base 32, lowest first; a 0 is followed by its repetitions,
 * and those at the end are left out.
 */
export function unpack(text) {
	const counts = [];
	let at = 0;
	const read = () => {
		let value = 0;
		let scale = 1;
		for (;;) {
			const digit = CODE.get(text[at++]);
			value += (digit % 32) * scale;
			if (digit < 32) return value;
			scale *= 32;
		}
	};
	while (at < text.length) {
		const value = read();
		if (value > 0) {
			counts.push(value);
			continue;
		}
		for (let zeros = read(); zeros >= 0; zeros--) counts.push(0);
	}
	return counts;
}

/** Unpack all histograms. */
export function openCube(packed) {
	const groups = packed.groups.map((group) => ({
		...group,
		places: group.values.length + (group.pooled ? 1 : 0),
		cells: group.cells.map(([value, period, text, sums]) => ({
			value,
			period,
			counts: unpack(text),
			sums,
		})),
	}));
	return { ...packed, groups, sums: groups[0]?.cells[0].sums?.length ?? 0 };
}

/** Add up the cells of a group: one value or all (null), one period or all (null). */
export function pick(cube, group, value, period) {
	const counts = new Float64Array(cube.size);
	const sums = new Float64Array(cube.sums);
	for (const cell of cube.groups[group]?.cells ?? []) {
		if (value !== null && cell.value !== value) continue;
		if (period !== null && cell.period !== period) continue;
		cell.counts.forEach((rows, index) => {
			counts[index] += rows;
		});
		cell.sums?.forEach((sum, index) => {
			sums[index] += sum;
		});
	}
	return { counts, sums };
}

/** What a value of a segment is called. */
export function valueName(group, place) {
	if (place >= group.values.length) return "all others";
	return group.values[place] ?? "(no value)";
}

/** What people call a column. */
export const columnName = (name) => name.replaceAll("_", " ");
