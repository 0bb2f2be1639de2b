"""Which wheels a live page starts with, and what of them it leaves out or loads later.

The patterns are matched at the beginning of a path in a wheel, or anywhere after ``**``.
`tests/test_wheelhouse.py` runs the imports of every chapter without the later parts.
"""

from __future__ import annotations

import re

# From Pyodide's own release, by their names in its lock.
OFFICIAL = [
    *("numpy", "scipy", "libopenblas", "pandas", "matplotlib"),
    *("contourpy", "cycler", "kiwisolver", "packaging", "pillow", "pyparsing"),
    *("python-dateutil", "pytz", "six"),
    "fonttools",
    "micropip",  # JupyterLite's kernel asks for it
]

# Never shipped: a page cannot use it.
DROP = {
    "*": [
        r"**^(?!jedi/).*\.(pyi|pxd|pyx|pxi|h|c|cpp|hpp|a|in|orig)$",  # for compilers
        r"**(^|/)(tests?/|test_\w+\.py$|conftest\.py$)",
        r"**\.dist-info/(RECORD|direct_url\.json|entry_points\.txt)$",  # true of the whole wheel
        r"**(^|/)pyproject\.toml$",
    ],
    "numpy": [
        r"numpy/random/_examples/",
        r"numpy/ma/(timer_comparison|testutils)\.py",
    ],
    "scipy": [
        r"scipy/special/_(precompute|test_internal|mptestutils|testutils)",
        r"scipy/special/special/",  # headers
        r"scipy/special/_add_newdocs\.py",  # sources of docstrings
        r"scipy/optimize/(_tstutils|_highs/src|_minpack2)",
        r"scipy/ndimage/_c(ytest|test)",
        r"scipy/misc/.*\.(dat|bz2)",
        r"scipy/_lib/_test_",
        r"scipy/_lib/array_api_compat/(torch|dask|cupy)",
        r"scipy/stats/_sobol_direction_numbers\.npz",  # 0.6 MB: no Sobol sequences
    ],
    "pandas": [
        r"pandas/(conftest|_version)\.py",
        r"pandas/io/(clipboard|formats/templates)/",
        r"pandas/core/_numba/(kernels|extensions)",
    ],
    "matplotlib": [
        r"matplotlib/mpl-data/(sample_data|images|plot_directive|fonts/afm|fonts/pdfcorefonts)/",
        # Figures are set in DejaVu Sans, formulas in it and in STIX and Computer Modern.
        r"matplotlib/mpl-data/fonts/ttf/DejaVu(Serif|SansMono-|Sans-BoldOblique)",
        r"matplotlib/mpl-data/fonts/ttf/STIX\w+Bol",
        r"matplotlib/mpl-data/fonts/ttf/Humor",
        # Windows of a desktop.
        r"matplotlib/backends/(web_backend|qt_editor)/",
        r"matplotlib/backends/_?(backend_)?(qt|gtk|wx|tk|cairo|macosx|nbagg|webagg)",
        r"matplotlib/backends/_(backend_)?(tk|gtk)",
        r"matplotlib/(testing|sphinxext)/",
    ],
    "statsmodels": [
        r"statsmodels/datasets/.*\.(csv|dta|zip|R|do|txt|data|dat)$",
        r"**\.(asc|html|R|do)$",
    ],
    "pillow": [
        r"PIL/_(imagingft|webp|avif|imagingcms|imagingtk)\.",  # figures are PNG or SVG
    ],
    "pytz": [r"pytz/zoneinfo/", r"pytz/.*\.tab$"],  # time zones: no page tells the time
    "pyparsing": [r"pyparsing/diagram/"],
    "packaging": [r"packaging/licenses/"],
    "fonttools": [r"fonttools-[\w.]+\.data/"],
    # The standard library: what needs a terminal, windows, a server or another operating system.
    "stdlib": [
        r"(ensurepip|idlelib|lib2to3|tkinter|turtledemo|venv|curses|dbm|wsgiref|xmlrpc)/",
        r"(turtle|antigravity|this|imaplib|mailbox|smtplib|ftplib|poplib|nntplib)\.py",
        r"(asyncio/(windows|proactor)|multiprocessing/popen_|_(aix|osx|ios|android)_support)",
    ],
}

# Shipped apart, and fetched at the first import (`later.py`).
LATER = {
    "fonttools": [r"(?!.*dist-info)"],  # PDF and PostScript figures need it
    "seaborn": [r"(?!.*dist-info)"],
    "stdlib": [
        r"(email/(?!__init__)|http/|xml/|multiprocessing/|logging/(handlers|config)|tomllib/)",
        r"(concurrent/futures/(process|thread)|urllib/(request|robot)|unittest/(mock|async_case))",
        r"(zoneinfo/_zoneinfo|ctypes/(util|macholib|wintypes)|sqlite3/|wave|plistlib|socketserver)",
        r"(pdb|bdb|cmd|doctest|optparse|configparser|statistics|fractions|timeit|mimetypes)\.py",
        r"(pstats|c?[pP]rofile|trace|tracemalloc|pickletools|modulefinder|symtable|compileall)\.py",
        r"(_pyio|_pydatetime|_pydecimal|_pylong|stringprep|webbrowser|sched|shelve|tabnanny)\.py",
        r"(_pyrepl/(?!__init__|pager)|html/parser|cgi|cgitb|getpass|netrc|pyclbr|zipapp|code)",
    ],
    "numpy": [r"numpy/linalg/lapack_lite"],
    "scipy": [
        r"scipy/(signal|io|cluster|odr|fftpack|datasets|misc)/",
        r"scipy/_lib/cobyqa/",
    ],
    "pandas": [
        r"pandas/io/formats/(style|style_render|excel|xml|css)\.py",
        r"pandas/io/sas/sas(7bdat|_)",
        r"pandas/_libs/(sas|byteswap)\.",
    ],
    "matplotlib": [
        r"matplotlib/backends/(_backend_pdf_ps|backend_(pdf|ps|pgf))\.py",
        r"matplotlib/_(type1font|ttconv|tri|qhull)\.",
        r"matplotlib/(animation|sankey)\.py",
        r"mpl_toolkits/(axisartist|axes_grid1)/",
    ],
    "statsmodels": [
        r"statsmodels/(tsa|sandbox|nonparametric|multivariate|imputation|datasets)/",
        r"statsmodels/(miscmodels|othermod|treatment|distributions/copula|examples)/",
        r"statsmodels/stats/(libqsturng/|proportion|diagnostic\.|rates|nonparametric|oneway|power)",
        r"statsmodels/stats/(contingency_tables|weightstats|meta_analysis|mediation|oaxaca)",
        r"statsmodels/stats/(_diagnostic_other|_lilliefors|multivariate|inter_rater|gof|dist_dep)",
        r"statsmodels/(discrete/truncated_model|genmod/qif|regression/(process_|dimred|rolling))",
        r"statsmodels/graphics/(regressionplots|mosaicplot|functional|tsaplots|boxplots|dotplots)",
    ],
}


def found(rules: list[str], path: str) -> bool:
    """Say whether one of the rules is about a file."""
    return any(
        re.search(rule.removeprefix("**"), path) if rule.startswith("**") else re.match(rule, path)
        for rule in rules
    )


def part(package: str, path: str) -> str:
    """Say whether a file of a package is shipped: ``"start"``, ``"later"`` or ``"never"``.

    >>> part("scipy", "scipy/stats/__init__.py"), part("scipy", "scipy/signal/__init__.py")
    ('start', 'later')
    """
    if found(DROP["*"], path) or found(DROP.get(package, []), path):
        return "never"
    return "later" if found(LATER.get(package, []), path) else "start"
