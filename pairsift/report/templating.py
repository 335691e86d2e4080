"""The engine of all pages: everything is escaped, and a name that nothing was given for is an error."""

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from pairsift.report.escaping import visible
from pairsift.report.summary import share


def open_templates(*packages: str) -> Environment:
    """Open the templates of some packages, the first that has one; with the filters that all pages use."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package) for package in packages]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"visible": visible, "share": share}
    return environment
