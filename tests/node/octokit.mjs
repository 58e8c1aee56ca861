// Octokit as a client of the forge: does what a team does, and prints what it saw.
import { Octokit, RequestError } from "octokit";

const { URL: baseUrl, TOKEN: auth, OTHER: otherAuth, OWNER: owner, REPO: repo } = process.env;
const options = { baseUrl, retry: { enabled: false }, throttle: { enabled: false } };
const octokit = new Octokit({ ...options, auth });
const other = new Octokit({ ...options, auth: otherAuth });
const at = { owner, repo };
const seen = {};

const status = async (promise) => {
  try {
    return (await promise).status;
  } catch (error) {
    if (error instanceof RequestError) return error.status;
    throw error;
  }
};

// REST ---------------------------------------------------------------------------------------------------------------

seen.login = (await octokit.rest.users.getAuthenticated()).data.login;
for (let n = 1; n <= 7; n++) {
  await octokit.rest.issues.create({ ...at, title: `issue ${n}`, labels: n % 2 ? ["odd"] : [] });
}
const everything = await octokit.paginate(octokit.rest.issues.listForRepo, { ...at, state: "all", per_page: 2 });
seen.issues = everything.map((issue) => issue.title);
seen.odd = (await octokit.paginate("GET /repos/{owner}/{repo}/issues", { ...at, labels: "odd", per_page: 2 })).length;
seen.pages = 0;
for await (const page of octokit.paginate.iterator(octokit.rest.issues.listForRepo, { ...at, per_page: 3 })) {
  seen.pages += page.data.length > 0;
}

const comment = (await other.rest.issues.createComment({ ...at, issue_number: 1, body: "one" })).data;
await other.rest.issues.updateComment({ ...at, comment_id: comment.id, body: "two" });
seen.comments = (await octokit.rest.issues.listComments({ ...at, issue_number: 1 })).data.map((one) => one.body);
await octokit.rest.issues.setLabels({ ...at, issue_number: 1, labels: ["bug", "loreli"] });
seen.labels = (await octokit.rest.issues.get({ ...at, issue_number: 1 })).data.labels.map((label) => label.name);

const first = await octokit.rest.issues.get({ ...at, issue_number: 1 });
const conditional = { ...at, issue_number: 1, headers: { "if-none-match": first.headers.etag } };
seen.unchanged = await status(octokit.rest.issues.get(conditional));
seen.missing = await status(octokit.rest.issues.get({ ...at, issue_number: 999 }));
seen.invalid = await status(octokit.rest.issues.create({ ...at, title: "" }));

const main = (await octokit.rest.git.getRef({ ...at, ref: "heads/main" })).data.object.sha;
const ref = { ...at, ref: "refs/loreli/claims/1", sha: main };
seen.claim = [await status(octokit.rest.git.createRef(ref)), await status(other.rest.git.createRef(ref))];
await octokit.rest.git.deleteRef({ ...at, ref: "loreli/claims/1" });

const pull = (await octokit.rest.pulls.create({ ...at, title: "Add a bed", head: "bed", base: "main" })).data;
const review = { ...at, pull_number: pull.number };
seen.files = (await octokit.rest.pulls.listFiles(review)).data.map((file) => file.filename);
seen.ownApproval = await status(octokit.rest.pulls.createReview({ ...review, event: "APPROVE" }));
await other.rest.pulls.createReview({ ...review, event: "APPROVE", body: "good" });
seen.reviews = (await octokit.rest.pulls.listReviews(review)).data.map((one) => one.state);
await octokit.rest.repos.createCommitStatus({ ...at, sha: pull.head.sha, state: "success", context: "tests" });
seen.status = (await octokit.rest.repos.getCombinedStatusForRef({ ...at, ref: pull.head.sha })).data.state;
seen.staleMerge = await status(octokit.rest.pulls.merge({ ...review, sha: main }));
seen.merged = (await octokit.rest.pulls.merge({ ...review, merge_method: "squash", sha: pull.head.sha })).data.merged;

const hook = { ...at, config: { url: "http://127.0.0.1:9/", content_type: "json" }, events: ["push"], active: false };
seen.hook = (await octokit.rest.repos.createWebhook(hook)).data.events;
seen.hooks = (await octokit.rest.repos.listWebhooks(at)).data.length;

// GraphQL ------------------------------------------------------------------------------------------------------------

const { repository } = await octokit.graphql(
  `query ($owner: String!, $repo: String!) {
    repository(owner: $owner, name: $repo) {
      id
      issues(first: 3, states: OPEN) { totalCount nodes { title author { login } } }
      discussionCategories(first: 10) { nodes { id name } }
    }
  }`,
  at,
);
seen.graphqlIssues = repository.issues;
const titles = await octokit.graphql.paginate(
  `query ($owner: String!, $repo: String!, $cursor: String) {
    repository(owner: $owner, name: $repo) {
      issues(first: 2, after: $cursor) { nodes { title } pageInfo { hasNextPage endCursor } }
    }
  }`,
  at,
);
seen.graphqlPages = titles.repository.issues.nodes.map((issue) => issue.title);

const general = repository.discussionCategories.nodes.find((category) => category.name === "General");
const { createDiscussion } = await other.graphql(
  `mutation ($input: CreateDiscussionInput!) { createDiscussion(input: $input) { discussion { id number } } }`,
  { input: { repositoryId: repository.id, categoryId: general.id, title: "Where to?", body: "Say." } },
);
const discussion = createDiscussion.discussion;
const said = await octokit.graphql(
  `mutation ($id: ID!) { addDiscussionComment(input: {discussionId: $id, body: "There"}) { comment { id } } }`,
  { id: discussion.id },
);
await other.graphql(
  `mutation ($id: ID!, $to: ID!) {
    addDiscussionComment(input: {discussionId: $id, replyToId: $to, body: "Why?"}) { comment { id } }
    closeDiscussion(input: {discussionId: $id, reason: RESOLVED}) { discussion { closed } }
  }`,
  { id: discussion.id, to: said.addDiscussionComment.comment.id },
);
const read = await octokit.graphql(
  `query ($owner: String!, $repo: String!, $number: Int!) {
    repository(owner: $owner, name: $repo) {
      discussion(number: $number) {
        title closed author { login }
        comments(first: 10) { nodes { body replies(first: 10) { nodes { body author { login } } } } }
      }
    }
  }`,
  { ...at, number: discussion.number },
);
seen.discussion = read.repository.discussion;
try {
  await octokit.graphql(`{ repository(owner: "nobody", name: "nothing") { id } }`);
} catch (error) {
  seen.graphqlError = { name: error.name, type: error.errors[0].type, data: error.data };
}

console.log(JSON.stringify(seen));
