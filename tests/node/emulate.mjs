// Serves GitHub's REST API from memory until standard input ends: whoever started us has then gone, however it went.
import { createEmulator } from "emulate";

const seed = JSON.parse(process.env.SEED);
const emulator = await createEmulator({ service: "github", port: 0, hostname: "127.0.0.1", seed });
console.log(emulator.url);
process.stdin.resume();
process.stdin.on("end", async () => {
  await emulator.close();
  process.exit(0);
});
