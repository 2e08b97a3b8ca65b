"""`functools.cached_property` without the lock that Python 3.11 takes at each first access; a plan is made by one thread."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    once = cached_property
else:

    class once(cached_property):  # noqa: N801  (a decorator, as `property` is)
        """A value that is computed when it is first asked for."""

        def __get__(self, instance: Any, owner: type[Any] | None = None) -> Any:
            if instance is None:
                return self
            value = instance.__dict__[self.attrname] = self.func(instance)
            return value
