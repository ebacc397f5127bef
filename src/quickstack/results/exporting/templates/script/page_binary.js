import { drawBinary } from "./binary.js";
import { start } from "./main.js";

start(drawBinary);
