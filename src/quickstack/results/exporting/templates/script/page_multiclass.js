import { start } from "./main.js";
import { drawMulticlass } from "./multiclass.js";

start(drawMulticlass);
