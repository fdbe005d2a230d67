/**
 * How the page looks: one column of rows that line up, quiet where all is well.
 *
 * Colours are named once for each scheme; every text stands at 4.5:1 or more on what is behind it (WCAG 2.2, 1.4.3).
 */

export const style = `
:root{color-scheme:light dark;
--paper:#f6f6f4;--sheet:#fff;--ink:#1d1f23;--soft:#5a6069;--rule:#e2e2de;--firm:#c9c9c4;
--critical:#b3261e;--critical-sheet:#fdf1ef;--warning:#8a5000;--warning-sheet:#fdf6e7;--unknown:#5b4aa8;--unknown-sheet:#f4f2fc;--clear:#23744a;
--bar-active:#cf3a30;--bar-seen:#d99a3d;--bar-unseen:#8676d3;--bar-held:#8b939d;--bar-clear:#9fcdb3;--focus:#1a5fd0;
--mono:ui-monospace,SFMono-Regular,Menlo,Consolas,"Noto Sans Mono","DejaVu Sans Mono",monospace}
@media(prefers-color-scheme:dark){:root{
--paper:#121416;--sheet:#191c1f;--ink:#e3e5e8;--soft:#9da4ad;--rule:#282c31;--firm:#3b4148;
--critical:#ff8f84;--critical-sheet:#2a1a1a;--warning:#f0b45c;--warning-sheet:#27200f;--unknown:#b7abff;--unknown-sheet:#1f1d2e;--clear:#74c99a;
--bar-active:#f0665b;--bar-seen:#c98d3a;--bar-unseen:#8f80e0;--bar-held:#727a84;--bar-clear:#2f6349;--focus:#7fb0ff}}
*,::before,::after{box-sizing:border-box}
html{overflow-anchor:none;-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:.875rem/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
h1,h2,h3,p,ul,ol,dl,dd{margin:0;padding:0}ul,ol{list-style:none}
h2{font-size:.8125rem;font-weight:600;color:var(--soft);margin:0 0 .5rem}
h3{font-size:inherit}
bdi{unicode-bidi:isolate}
table{border-collapse:collapse;width:100%}
th{font-weight:inherit;text-align:start}
:focus-visible{outline:2px solid var(--focus);outline-offset:2px;border-radius:3px}
.sprite{position:absolute;width:0;height:0}
.mark{width:.9em;height:.9em;vertical-align:-.08em;fill:currentColor;flex:none}
.line{fill:none;stroke:currentColor;stroke-width:1.9;stroke-linecap:round;stroke-linejoin:round}
.k-critical{color:var(--critical)}.k-warning,.k-flapping{color:var(--warning)}.k-unknown{color:var(--unknown)}.k-clear{color:var(--clear)}
.unseen{position:absolute;width:1px;height:1px;margin:-1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.none,.empty{color:var(--soft)}
.skip{position:absolute;left:1rem;top:-4rem;background:var(--sheet);color:var(--ink);padding:.5rem .75rem;border-radius:4px;z-index:3}.skip:focus{top:.5rem}
header,main,footer{max-width:100rem;margin:0 auto;padding:0 1.5rem}
main{display:grid;gap:1.75rem}
section{min-width:0}

header{position:relative;padding-top:1.5rem;padding-bottom:1.25rem}
#headline{display:grid;grid-template-columns:auto 1fr auto;column-gap:.875rem;align-items:start}
#headline>.mark{width:2rem;height:2rem;margin-top:.2rem;grid-row:1/3}
#said{min-width:0}
h1{font-size:1.625rem;line-height:1.2;font-weight:650;letter-spacing:-.01em}
#said p{color:var(--soft);margin-top:.15rem}
#headline .counts{display:flex;flex-wrap:wrap;gap:0 1rem;grid-column:2;grid-row:2;margin-top:.5rem}
#headline .counts li{white-space:nowrap}
.whose{grid-column:3;grid-row:1/3;text-align:end;color:var(--soft);max-width:22rem;margin-top:.3rem}.whose b,.whose strong{color:var(--ink)}
.whose strong{color:var(--critical)}
#connection{position:absolute;right:1.5rem;bottom:1.25rem;color:var(--soft);font-size:.8125rem}
#connection.live::before{content:"";display:inline-block;width:.5em;height:.5em;border-radius:50%;background:var(--clear);margin-inline-end:.4em;vertical-align:.08em}
#connection.lost{position:fixed;left:0;right:0;top:0;bottom:auto;z-index:2;padding:.5rem 1.5rem;background:var(--ink);color:var(--paper);font-size:.875rem;font-weight:600;text-align:center}
.stale{padding-top:2.25rem}.stale main,.stale #headline{filter:grayscale(1)}

.cards{display:grid;gap:.5rem}
.cards>li{display:grid;grid-template-columns:minmax(14rem,19rem) minmax(0,1fr) minmax(13rem,18rem);gap:.15rem 1.25rem;padding:.7rem .9rem .75rem;background:var(--sheet);border:1px solid var(--rule);border-inline-start:4px solid var(--firm);border-radius:6px}
.cards>.critical{background:var(--critical-sheet);border-inline-start-color:var(--critical)}
.cards>.warning,.cards>.flapping{background:var(--warning-sheet);border-inline-start-color:var(--warning)}
.cards>.unknown{background:var(--unknown-sheet);border-inline-start-color:var(--unknown)}
.cards>.quiet{background:var(--sheet);border-inline-start-style:dashed}
.cards h3{font:600 .875rem/1.45 var(--mono)}
.cards .how{grid-column:1;color:var(--soft)}
.cards .what{grid-column:2;grid-row:1/4}.cards .what>p{font-weight:600}
.cards .details{color:var(--soft);font-size:.8125rem}
.cards .next{grid-column:3;grid-row:1/4;color:var(--soft);font-size:.8125rem}
.cards .strip{grid-column:1;align-self:end;margin-top:.35rem}
.mutes{margin-top:.6rem;color:var(--soft)}

.strip{display:block;width:100%;height:1rem;background:linear-gradient(var(--rule),var(--rule)) 0 100%/100% 1px no-repeat}
.h-active{fill:var(--bar-active);stroke:var(--bar-active);stroke-width:1px;vector-effect:non-scaling-stroke}
.h-seen{fill:var(--bar-seen);stroke:var(--bar-seen);stroke-width:1px;vector-effect:non-scaling-stroke}
.h-unseen{fill:var(--bar-unseen)}.h-held{fill:var(--bar-held)}.h-clear{fill:var(--bar-clear)}

.signals{background:var(--sheet);border:1px solid var(--rule);border-radius:6px;display:block}
.signals thead,.signals tbody{display:block}
.signals tr{display:grid;grid-template-columns:6.25rem 14rem minmax(8rem,1fr) 5.75rem minmax(9rem,18.5rem) minmax(10rem,12rem);column-gap:1rem;padding:.19rem .9rem;position:relative;align-items:start;border-top:1px solid var(--rule)}
.signals thead tr{border-top:0;color:var(--soft);font-size:.75rem;padding-top:.45rem;padding-bottom:.35rem}
.signals td,.signals th:not(.unseen){padding:0;min-width:0;display:block}
.signals .seen p,.signals .wakes,.signals th[scope=row]{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.signals tr:has([open]) :is(.seen p,.wakes,th){white-space:normal;overflow:visible}
.signals .seen :is(.streak,.muted){display:block}
.signals tbody th[scope=row]{font:.8125rem/1.55 var(--mono)}
.signals th[scope=rowgroup]{grid-column:1/-1;padding:.55rem 0 .1rem}
.signals h3{display:inline;font-weight:650}
.signals .counts,.signals .wakes,.signals .since{color:var(--soft)}
.signals .counts{margin-inline-start:.5rem}
.signals .wakes{font-size:.75rem;line-height:1.7}.signals .since time{white-space:nowrap}
.signals .state{white-space:nowrap;color:var(--soft);padding-inline-start:1.1rem}
.signals tr[data-state=active],.signals tr[data-state=flapping],.signals tr[data-state=unknown]{background:var(--critical-sheet)}
.signals tr[data-state=flapping]{background:var(--warning-sheet)}.signals tr[data-state=unknown]{background:var(--unknown-sheet)}
.signals tr[data-state=active] .state,.signals tr[data-state=flapping] .state,.signals tr[data-state=unknown] .state,.signals tr[data-state=active] th,.signals tr[data-state=flapping] th{color:var(--ink);font-weight:650}
.signals .day{padding-top:.12rem}
.streak,.muted{color:var(--warning);font-size:.8125rem;white-space:normal}.muted{color:var(--soft)}
.dots{letter-spacing:.05em}
.problem{color:var(--unknown)}
.why{grid-column:1/-1;min-height:0}
.why summary{position:absolute;inset-inline-start:0;top:0;width:21.7rem;height:1.75rem;cursor:pointer;list-style:none;border-radius:3px}
.why summary::-webkit-details-marker{display:none}
.why summary::before{content:"";position:absolute;inset-inline-start:.95rem;top:.62rem;width:.36rem;height:.36rem;border:solid var(--soft);border-width:0 1.5px 1.5px 0;transform:rotate(-45deg)}
.why [open]>summary::before,.why details[open]>summary::before{transform:rotate(45deg);top:.54rem}
.why summary:focus-visible{outline-offset:-2px}
.signals tr:has(summary:hover){box-shadow:inset 0 0 0 1px var(--firm)}
.behind{padding:.35rem 0 .6rem 1.1rem;display:grid;gap:.5rem 2rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,18rem),1fr))}
.behind .details,.behind .because{max-width:46rem}
.behind .because li::before{content:"because ";color:var(--soft)}
dt{color:var(--soft)}
.behind dl,.facts{display:grid;gap:.1rem 1rem;align-content:start}
.behind dl>div,.facts>div{display:grid;grid-template-columns:7rem 1fr;gap:.75rem}
code{font:.8125rem/1.5 var(--mono)}

.pair{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:1.75rem 2.5rem}
.pair>div{display:grid;gap:1.75rem;align-content:start;min-width:0}
.pair table{background:var(--sheet);border:1px solid var(--rule);border-radius:6px;border-collapse:separate;border-spacing:0;font-size:.8125rem}
.pair th,.pair td{padding:.3rem .5rem;vertical-align:top;border-top:1px solid var(--rule)}
.pair th:first-child{padding-inline-start:.9rem}.pair td:last-child,.pair th:last-child{padding-inline-end:.9rem}
.pair thead th{border-top:0;color:var(--soft);font-size:.75rem;white-space:nowrap}
.pair .n{text-align:end;white-space:nowrap}.pair .word{white-space:nowrap}
.pair tbody th>bdi{font-weight:600}

.pair tbody tr:has(+.beneath)>*{padding-bottom:0}
.pair .beneath td{border-top:0;padding:0 .9rem .35rem;color:var(--soft);font-size:.75rem}
.beneath .problem{margin-inline-start:.5rem}
.off{color:var(--soft)}.some{font-weight:650;color:var(--warning)}
.facts{margin-bottom:.75rem}
#told ol{display:grid;gap:.5rem}
#told li{background:var(--sheet);border:1px solid var(--rule);border-radius:6px;padding:.5rem .9rem .6rem}
#told .when{color:var(--soft);font-size:.75rem;display:flex;justify-content:space-between;gap:1rem}
#told .text{white-space:pre-wrap}#told .text::first-line{font-weight:600}
#told details{margin-top:.5rem}#told summary{color:var(--soft);cursor:pointer;padding:.25rem 0}

footer{color:var(--soft);font-size:.8125rem;padding-top:1.75rem;padding-bottom:2.5rem}
footer summary{cursor:pointer;padding:.25rem 0}
.legend{display:grid;grid-template-columns:repeat(auto-fill,minmax(15rem,1fr));gap:.3rem 1.5rem;margin:.5rem 0}
.legend .strip{display:inline-block;width:1rem;margin-inline-end:.5rem;vertical-align:-.2rem}.legend .mark{width:1rem;height:1rem;margin-inline-end:.5rem;vertical-align:-.2rem}

@media(max-width:76rem){
.signals tr{grid-template-columns:6.25rem 14rem minmax(0,1fr) 5.75rem;row-gap:.05rem}
.signals thead th:nth-child(5),.signals thead th:nth-child(6){display:none}
.signals .wakes{grid-column:3/5;grid-row:2}.signals .day{grid-column:1/3;grid-row:2;padding-inline-start:1.1rem}
.cards>li{grid-template-columns:minmax(12rem,16rem) minmax(0,1fr)}.cards .next{grid-column:2;grid-row:4}
}
@media(max-width:60rem){.pair{grid-template-columns:minmax(0,1fr)}}
@media(max-width:44rem){
header,main,footer{padding-inline:.75rem}
header{padding-top:1rem}
h1{font-size:1.375rem}
#headline{grid-template-columns:auto 1fr;column-gap:.65rem}#headline>.mark{width:1.5rem;height:1.5rem;grid-row:1}
#headline .counts{grid-column:1/3}
.whose{grid-column:1/3;grid-row:3;text-align:start;max-width:none;padding-inline-end:6rem}
#connection{right:.75rem;bottom:1.25rem}
.cards>li{grid-template-columns:minmax(0,1fr);padding-inline:.75rem}.cards .what,.cards .next,.cards .strip,.cards .how{grid-column:1;grid-row:auto}
.cards .what,.cards .next{margin-top:.25rem}
.signals tr{grid-template-columns:auto minmax(0,1fr) 6.5rem;column-gap:.6rem;padding:.3rem .6rem .35rem}
.signals thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.signals .state{min-width:5.1rem;padding-inline-start:.9rem}
.signals .since{grid-column:3;grid-row:1;text-align:end}
.signals .seen{grid-column:1/3;grid-row:2;font-size:.8125rem;padding-inline-start:.9rem}
.signals .day{grid-column:3;grid-row:2;padding-inline-start:0}.signals .strip{height:.8rem}
.signals .wakes{display:none;grid-column:1/-1;grid-row:3;padding-inline-start:.9rem}
.signals tr:has([open]) .wakes{display:block}
.why summary{width:100%;height:1.95rem}.why summary::before{inset-inline-start:.5rem}
.behind{padding-inline-start:.9rem}.behind dl>div,.facts>div{grid-template-columns:6rem 1fr}
.pair .every,.of{display:none}.pair .beneath td{padding-inline:.6rem}.pair th,.pair td{padding-inline:.3rem}.pair th:first-child{padding-inline-start:.6rem}.pair td:last-child,.pair th:last-child{padding-inline-end:.6rem}
}
@media(prefers-reduced-motion:no-preference){.turned{animation:turned 1.6s ease-out}@keyframes turned{from{box-shadow:inset 0 0 0 2px var(--focus)}}}
@media(forced-colors:active){.strip path{forced-color-adjust:none}.cards>li{border-inline-start-color:CanvasText}}
@media print{.signals .day,#connection{display:none}}
`
