// Makes a container of a blob server: node container.js PORT ACCOUNT KEY NAME
const crypto = require("crypto");
const http = require("http");

const [port, account, key, name] = process.argv.slice(2);
const date = new Date().toUTCString();
const version = "2021-08-06";
const resource = `/${account}/${account}/${name}`;
const signed = `PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:${date}\nx-ms-version:${version}\n${resource}\nrestype:container`;
const signature = crypto.createHmac("sha256", Buffer.from(key, "base64")).update(signed, "utf8").digest("base64");
const headers = {
  "x-ms-date": date,
  "x-ms-version": version,
  "Content-Length": 0,
  Authorization: `SharedKey ${account}:${signature}`,
};
const path = `/${account}/${name}?restype=container`;
const request = http.request({ host: "127.0.0.1", port, method: "PUT", path, headers }, (answer) => {
  answer.resume();
  // 409: it is there.
  if (answer.statusCode !== 201 && answer.statusCode !== 409) {
    console.error(`it answered ${answer.statusCode}`);
    process.exit(1);
  }
});
request.on("error", (error) => {
  console.error(error.message);
  process.exit(1);
});
request.end();
