"""``python -m falselight``"""

from falselight.cli.main import main

main()
