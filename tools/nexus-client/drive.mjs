// Drives a Nexus through the client that Sonatype's own OpenAPI document
// generated, and checks every answer against the types of that document:
//
//   node drive.mjs BASE USER PASSWORD REPOSITORY COMPONENT
//
// COMPONENT is the id of a component to delete. Meant for an emulator or a
// throw-away server: it creates, runs and deletes a garbage collection task.
// Prints what it counted as one line of JSON; any difference ends it with an
// error.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const require = createRequire(import.meta.url);
const nexus = require("@sonatype/nexus-repo-api-client");
const models = join(dirname(require.resolve("@sonatype/nexus-repo-api-client")), "models");

const [base, username, password, repository, doomed] = process.argv.slice(2);
assert(doomed, "usage: node drive.mjs BASE USER PASSWORD REPOSITORY COMPONENT");
const configuration = new nexus.Configuration({ basePath: `${base}/service/rest`, username, password });

// Fields of the document that Community Edition leaves out, and one that the
// document leaves out: each format's attributes stand under the format's name.
const absent = { ComponentXO: ["tags", "extraJsonAttributes"], GenericBlobStoreApiResponse: ["softQuotaAttributes"] };
const extra = { AssetXO: ["docker", "oci"] };

const fieldsOf = (model) => {
  const text = readFileSync(join(models, `${model}.d.ts`), "utf8");
  const body = text.match(new RegExp(`export interface ${model} \\{([^]*?)\\n\\}`))[1];
  return new Map([...body.matchAll(/^ {4}(\w+)(\?)?: (.+?);?$/gm)].map(([, name, optional, type]) => [name, { optional: !!optional, type }]));
};

let checked = 0;

function check(type, value, path) {
  checked++;
  const list = type.match(/^Array<(.+)>$/);
  if (list) {
    assert(Array.isArray(value), `${path}: not a list`);
    value.forEach((item, i) => check(list[1], item, `${path}[${i}]`));
  } else if (["string", "number", "boolean"].includes(type)) {
    assert.equal(typeof value, type, path);
  } else if (type === "Date") {
    assert.match(value, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$/, path);
  } else if (type.endsWith("Enum") || type.startsWith("{")) {
    assert(["string", "object"].includes(typeof value), path);
  } else {
    const fields = fieldsOf(type);
    for (const name of Object.keys(value)) {
      assert(fields.has(name) || extra[type]?.includes(name), `${path}.${name}: not in ${type}`);
    }
    for (const [name, field] of fields) {
      if (absent[type]?.includes(name)) continue;
      assert(name in value, `${path}.${name}: missing`);
      if (value[name] === null) assert(field.optional, `${path}.${name}: null, but required`);
      else check(field.type, value[name], `${path}.${name}`);
    }
  }
}

// typed checks an answer as sent and returns it as the client decodes it.
async function typed(type, pending) {
  const response = await pending;
  check(type, await response.raw.clone().json(), type);
  return response.value();
}

async function refused(status, pending) {
  await assert.rejects(pending, (error) => error.response?.status === status, `want ${status}`);
}

async function everything(type, page) {
  const items = [];
  let pages = 0;
  for (let continuationToken; ; pages++) {
    const answer = await typed(type, page({ repository, continuationToken }));
    items.push(...answer.items);
    if (answer.continuationToken == null) return { items, pages: pages + 1 };
    continuationToken = answer.continuationToken;
  }
}

const status = new nexus.StatusApi(configuration);
await status.listStatus();
await status.listStatusWritable();

const repositories = new nexus.RepositoryManagementApi(configuration);
const visible = await typed("Array<RepositoryXO>", repositories.getAllRepositoriesRaw());
await typed("RepositoryXO", repositories.getRepositoriesRaw({ repositoryName: repository }));
await typed("DockerHostedApiRepository", repositories.getDockerHostedRepositoryRaw({ repositoryName: repository }));
await refused(404, repositories.getRepositories({ repositoryName: "no-such-repository" }));

const components = new nexus.ComponentsApi(configuration);
const tags = await everything("PageComponentXO", (query) => components.listComponentsRaw(query));
const one = await typed("ComponentXO", components.getComponentsRaw({ id: doomed }));
await components.deleteComponents({ id: doomed });
await refused(404, components.deleteComponents({ id: doomed }));

const assets = new nexus.AssetsApi(configuration);
const contents = await everything("PageAssetXO", (query) => assets.listAssetsRaw(query));
await typed("AssetXO", assets.getAssetsRaw({ id: contents.items[0].id }));

const search = new nexus.SearchApi(configuration);
const found = await typed("PageComponentXO", search.listSearchRaw({ repository, name: one.name }));
await refused(400, search.listSearch({ continuationToken: "not-a-number" }));

const tasks = new nexus.TasksApi(configuration);
await typed("PageTaskXO", tasks.listTasksRaw({}));
const task = await typed("TaskXO", tasks.createTasksRaw({
  taskTemplateXO: {
    type: "repository.docker.gc", name: "drive: garbage collection", enabled: true, notificationCondition: "FAILURE",
    frequency: { schedule: "manual" }, properties: { repositoryName: repository, deployOffset: "0" },
  },
}));
await refused(409, tasks.createTasksStop({ id: task.id }));
await tasks.createTasksRun({ id: task.id });
const states = [];
for (let state; state !== "WAITING"; ) {
  const now = await typed("TaskXO", tasks.getTasksRaw({ id: task.id }));
  state = now.currentState;
  states.push(state);
  if (state === "WAITING") assert.equal(now.lastRunResult, "OK");
}
await tasks.deleteTasks({ id: task.id });
await refused(404, tasks.getTasks({ id: task.id }));

const stores = new nexus.BlobStoreApi(configuration);
const list = await typed("Array<GenericBlobStoreApiResponse>", stores.listBlobstoresRaw());
await typed("BlobStoreQuotaResultXO", stores.getBlobstoresQuotaStatusRaw({ name: list[0].name }));

console.log(JSON.stringify({
  repositories: visible.length, tags: tags.items.length, tagPages: tags.pages, assets: contents.items.length,
  found: found.items.length, blobs: list[0].blobCount, states, checked,
}));
