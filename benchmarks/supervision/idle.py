"""An actor that does nothing, in a module that imports nothing: what is left is Ray."""


class Bare:
    async def ready(self) -> bool:
        return True
