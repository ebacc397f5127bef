// Numbers as people read them.

const grouped = new Intl.NumberFormat("en-US");

/** Whole number, thousands apart. */
export const count = (value) => grouped.format(Math.round(value));

/** Share of 1 as a percentage; more digits where it is small. */
export function percent(share) {
	if (share === null || !Number.isFinite(share)) return "n/a";
	const value = 100 * share;
	const digits = value !== 0 && Math.abs(value) < 10 ? 1 : 0;
	return `${value.toFixed(digits)} %`;
}

/** A threshold as a percentage, with the digits that it has. */
export const thresholdText = (value) => `${+(100 * value).toFixed(2)} %`;

/** Number with about three significant digits, thousands apart. */
export function number(value) {
	if (value === null || value === undefined || !Number.isFinite(value)) return "n/a";
	const size = Math.abs(value);
	if (size >= 100) return grouped.format(Math.round(value));
	const digits = size >= 10 ? 1 : size >= 1 || size === 0 ? 2 : 3;
	return value.toFixed(digits).replace("-", "−");
}

/** Amount of a unit, sign written out where asked. */
export function amount(value, unit, signed = false) {
	const sign = value < 0 ? "−" : signed && value > 0 ? "+" : "";
	const size = Math.abs(value);
	const whole = size >= 100 || Number.isInteger(size);
	const text = whole ? grouped.format(Math.round(size)) : size.toFixed(size >= 10 ? 1 : 2);
	return `${sign}${text}${unit ? ` ${unit}` : ""}`;
}

/** Short tick label: 12,000 is 12k. */
export function tick(value) {
	const size = Math.abs(value);
	const sign = value < 0 ? "−" : "";
	if (size >= 1e6) return `${sign}${+(size / 1e6).toFixed(2)}M`;
	if (size >= 1e4) return `${sign}${+(size / 1e3).toFixed(1)}k`;
	return `${sign}${grouped.format(+size.toPrecision(6))}`;
}

/** Point in time as `5 Oct 2026, 05:26 UTC`. */
export function moment(text) {
	const time = new Date(text);
	if (Number.isNaN(time.getTime())) return "n/a";
	const date = time.toLocaleDateString("en-GB", {
		day: "numeric",
		month: "short",
		year: "numeric",
		timeZone: "UTC",
	});
	return `${date}, ${time.toISOString().slice(11, 16)} UTC`;
}

/** Length of time in the unit that suits it. */
export function hours(value) {
	if (value === null || value === undefined) return "n/a";
	return value >= 48 ? `${+(value / 24).toFixed(1)} days` : `${+value.toFixed(1)} hours`;
}
