import { start } from "./main.js";
import { drawRegression } from "./regression.js";

start(drawRegression);
