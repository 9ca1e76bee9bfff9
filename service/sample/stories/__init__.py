"""What the sample tells: made-up sessions, by what they are about."""

from service.sample.stories import (
    access,
    builds,
    changes,
    databases,
    languages,
    load,
    screens,
    search,
    storage,
    timing,
)

ALL = (
    *access.STORIES,
    *screens.STORIES,
    *languages.STORIES,
    *databases.STORIES,
    *timing.STORIES,
    *load.STORIES,
    *builds.STORIES,
    *changes.STORIES,
    *storage.STORIES,
    *search.STORIES,
)
