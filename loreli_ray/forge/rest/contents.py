"""Files, trees and blobs: https://docs.github.com/rest/repos/contents and /rest/git."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated

from pydantic import StringConstraints

from loreli_ray.forge.contents import Edit, apply
from loreli_ray.forge.refusal import not_found, unprocessable
from loreli_ray.forge.repository import Entry
from loreli_ray.forge.rest import git_answers, pull_shapes
from loreli_ray.forge.rest.call import Body, Call, Line, Query, Sha, Text, route
from loreli_ray.forge.rest.gitdata import Person, signature_of
from loreli_ray.forge.rest.reply import Reply
from loreli_ray.forge.rest.shapes import Shape

RAW = "application/vnd.github.raw"

# Beyond what other texts may hold: 8 MB is what a request may hold.
Base64 = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/=\s]*$")]


class ContentQuery(Query):
    ref: str = ""


class TreeQuery(Query):
    recursive: str = ""


class FileRemoval(Body):
    message: Text
    sha: Sha
    branch: Line | None = None
    author: Person | None = None
    committer: Person | None = None


class FileChange(Body):
    message: Text
    content: Base64
    sha: Sha | None = None
    branch: Line | None = None
    author: Person | None = None
    committer: Person | None = None


def get_contents(call: Call, query: ContentQuery) -> Reply:
    """A file with its content, or a folder's entries; the file alone where the Accept header asks for `raw`."""
    git, path = call.forge.git(call.repository), _path(call)
    name = query.ref or call.repository.default_branch
    sha = git.resolve(name)
    found = git.entry(sha, path) if sha else None
    if not found:
        raise not_found()
    if found.kind == "tree":
        prefix = f"{path}/" if path else ""
        entries = git.entries(found.sha)
        return Reply([pull_shapes.entry(call.shapes, call.repository, prefix + one.name, name, one) for one in entries])
    shape = pull_shapes.entry(call.shapes, call.repository, path, name, found)
    if found.kind == "commit":
        return Reply(shape | {"submodule_git_url": None})
    data = git.blob(found.sha)
    if call.wants("raw"):
        return Reply(content=data, media_type=f"{RAW}; charset=utf-8")
    return Reply(shape | pull_shapes.content(data))


def put_contents(call: Call, body: FileChange) -> Reply:
    try:
        content = base64.b64decode(body.content)
    except (binascii.Error, ValueError) as error:
        raise unprocessable("content is not valid Base64") from error
    new = call.forge.git(call.repository).resolve(body.branch or call.repository.default_branch)
    there = call.forge.git(call.repository).entry(new, _path(call)) if new else None
    return Reply(_commit(call, body, content), 200 if there else 201)


def delete_contents(call: Call, body: FileRemoval) -> Reply:
    return Reply(_commit(call, body, None))


def get_tree(call: Call, query: TreeQuery) -> Reply:
    git = call.forge.git(call.repository)
    name = call.path("sha")
    commit = git.resolve(name)
    tree = git.commit(commit).tree if commit else name
    if git.kind(tree) != "tree":
        raise not_found()
    api = call.shapes.repository_api(call.repository)
    shape: Shape = {
        "sha": tree,
        "url": f"{api}/git/trees/{tree}",
        "tree": [_leaf(api, entry) for entry in git.entries(tree, deep=bool(query.recursive))],
        "truncated": False,
    }
    return Reply(shape)


def get_blob(call: Call) -> Reply:
    git, sha = call.forge.git(call.repository), call.path("sha")
    if git.kind(sha) != "blob":
        raise not_found()
    data = git.blob(sha)
    if call.wants("raw"):
        return Reply(content=data, media_type=f"{RAW}; charset=utf-8")
    return Reply(pull_shapes.blob(call.shapes, call.repository, sha, data))


def _path(call: Call) -> str:
    return call.request.path_params.get("path", "").strip("/")


def _commit(call: Call, body: FileChange | FileRemoval, content: bytes | None) -> Shape:
    repository, path = call.need_write(), _path(call)
    if not path or "\0" in path or {"", ".", "..", ".git"} & set(path.split("/")):
        raise unprocessable("path contains a malformed path component")
    git = call.forge.git(repository)
    branch = (body.branch or repository.default_branch).removeprefix("refs/heads/")
    author = signature_of(call, body.author)
    committer = signature_of(call, body.committer) if body.committer else author
    sha = apply(
        git,
        Edit(
            branch=branch,
            path=path,
            content=content,
            sha=body.sha,
            message=body.message,
            author=author,
            committer=committer,
        ),
    )
    call.forge.pushed(repository, actor=call.user)
    made = git.entry(sha, path)
    entry = pull_shapes.entry(call.shapes, repository, path, branch, made) if made else None
    if entry:
        del entry["download_url"]  # GitHub always has one here, and the forge has none
    return {
        "content": entry,
        "commit": pull_shapes.git_commit(call.shapes, repository, git.commit(sha)),
    }


def _leaf(api: str, entry: Entry) -> Shape:
    shape: Shape = {
        "path": entry.name,
        "mode": entry.mode,
        "type": entry.kind,
        "sha": entry.sha,
        "url": f"{api}/git/{entry.kind}s/{entry.sha}",
    }
    return shape | ({"size": entry.size} if entry.kind == "blob" else {})


ROUTES = [
    route("GET", "/repos/{owner}/{repo}/contents", get_contents, answer=git_answers.Contents, media=RAW),
    route("GET", "/repos/{owner}/{repo}/contents/{path:path}", get_contents, answer=git_answers.Contents, media=RAW),
    route(
        "PUT",
        "/repos/{owner}/{repo}/contents/{path:path}",
        put_contents,
        answer=git_answers.FileCommit,
        also=201,
        refuses=(409,),
    ),
    route(
        "DELETE",
        "/repos/{owner}/{repo}/contents/{path:path}",
        delete_contents,
        answer=git_answers.FileCommit,
        refuses=(409,),
    ),
    route("GET", "/repos/{owner}/{repo}/git/trees/{sha:path}", get_tree, answer=git_answers.Tree),
    route("GET", "/repos/{owner}/{repo}/git/blobs/{sha}", get_blob, answer=git_answers.Blob, media=RAW),
]
