/* Starts the page. */

state.form = formOf(0, wantedForm);
showView();
showChains();
showInterfaces();
showSequence();
showDomains();
showPlddt();
listenToControls();
showTableButtons();
showExports();
showCoverage();
showPae();
drawAll();
