import { start } from "./main.js";
import { drawBinary } from "./binary.js";

start(drawBinary);
