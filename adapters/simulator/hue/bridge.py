"""A simulated bridge, apart from the network: what it answers to which request."""

from __future__ import annotations

from adapters.simulator.hue import v1, v2
from adapters.simulator.hue.config_v1 import short_config
from adapters.simulator.hue.inventory import Inventory
from adapters.simulator.hue.keys import ApplicationKeys
from adapters.simulator.hue.model import BridgeModel
from adapters.simulator.hue.pages import html_reply, json_reply
from adapters.simulator.hue.pairing import pair
from adapters.simulator.hue.view import View
from adapters.simulator.reply import Reply, Request
from domain.values import frozen
from ports.clock import Clock


@frozen(kw_only=True)
class Bridge:
    """Answers requests; never fails."""

    seed: int
    model: BridgeModel
    inventory: Inventory
    keys: ApplicationKeys
    clock: Clock

    def answer(self, request: Request, keys: ApplicationKeys | None = None) -> Reply:
        """The reply, as if only those applications were known that `keys` knows."""
        known = self.keys if keys is None else keys
        view = View(seed=self.seed, model=self.model, inventory=self.inventory, now=self.clock.now())
        segments = [segment for segment in request.path.split("/") if segment]
        match segments:
            case ["api", *rest]:
                return self._answer_v1(request, view, known, rest)
            case ["clip", "v2", *rest] if self.model.has_v2 and request.is_secure:
                if request.method != "GET":
                    return v2.error_envelope(405, "Method Not Allowed")
                return v2.read(view, known, request.headers, rest)
            case []:
                return html_reply(200)
        return html_reply(404)

    def _answer_v1(self, request: Request, view: View, keys: ApplicationKeys, rest: list[str]) -> Reply:
        match request.method, rest:
            case "POST", []:
                return pair(keys, request.body)
            case _, []:
                return v1.refuse_method(request.method, [])
            case "GET", ["config"]:
                return json_reply(short_config(self.model))
            case "GET", [key, *segments]:
                return v1.read(view, keys, key, segments)
            case _, [key, *segments] if keys.knows(key):
                return v1.refuse_method(request.method, segments)
        return v1.error_reply(1, "/" + "/".join(rest[1:]), "unauthorized user")
