/**
 * The PromQL of a rule: one selector compared with one number, read with Prometheus' own grammar.
 *
 * All else the grammar knows is refused by name and place, so that no rule means something other than what was written.
 */
import { parser } from "@prometheus-io/lezer-promql"
import { Result } from "effect"
import { unquote } from "./Quoted.ts"
import { type Comparison, type Matcher, type MatchOp, type Rule, matcherTest, nameLabel } from "./Rule.ts"

/** What is wrong, and where: UTF-16 units from the start of the text. */
export interface Fault {
  readonly at: number
  readonly text: string
}

export type Expression = Pick<Rule, "metric" | "matchers" | "comparison" | "threshold">

type Tree = ReturnType<typeof parser.parse>
type SyntaxNode = Tree["topNode"]

const fault = (at: number, text: string): Fault => ({ at, text })
const unsupported = (at: number, what: string): Fault =>
  fault(at, `${what} not supported: rules compare one selector with one number`)

/* What is refused */

/** What the grammar knows and rules do not, by the grammar's names; the text may be cut from the source. */
const refusals: Readonly<Record<string, (source: string, node: SyntaxNode) => Fault>> = {
  FunctionCall: (source, node) => unsupported(node.from, `${callee(source, node)}() is`),
  AggregateExpr: (source, node) => unsupported(node.from, `${callee(source, node)}() is`),
  MatrixSelector: (source, node) => unsupported(bracket(source, node), "a range [...] is"),
  SubqueryExpr: (source, node) => unsupported(bracket(source, node), "a subquery [...] is"),
  OffsetExpr: (_, node) => unsupported(second(node), "offset is"),
  StepInvariantExpr: (_, node) => unsupported(second(node), "@ is"),
  AnchoredExpr: (_, node) => unsupported(second(node), "anchored is"),
  SmoothedExpr: (_, node) => unsupported(second(node), "smoothed is"),
  ParenExpr: (_, node) => unsupported(node.from, "( ) is"),
  BoolModifier: (_, node) => unsupported(node.from, "bool is"),
  MatchingModifierClause: (source, node) => unsupported(node.from, `${callee(source, node)}() is`),
  FillModifier: (source, node) => unsupported(node.from, `${callee(source, node)}() is`),
  LineComment: (_, node) => unsupported(node.from, "a comment (#) is")
}

const callee = (source: string, { from, to }: SyntaxNode): string =>
  /^[a-zA-Z_0-9]+/.exec(source.slice(from, to))?.[0] ?? "this"

/** Where what follows the first part begins. */
const second = (node: SyntaxNode): number => node.firstChild?.nextSibling?.from ?? node.from

const bracket = (source: string, node: SyntaxNode): number => {
  const at = source.indexOf("[", node.firstChild?.to ?? node.from)
  return at < 0 ? node.from : at
}

const broken = (source: string, node: SyntaxNode): Fault => {
  const rest = source.slice(node.from).trimStart()
  const at = source.length - rest.length
  if (rest === "") return fault(source.trimEnd().length, "the expression ends too early")
  const word = /^(?:[\p{L}\p{N}_:]+|.)/su.exec(rest)?.[0] ?? ""
  return fault(at, `${JSON.stringify(word)} does not belong here`)
}

/** The first thing of the text that cannot be read or is not supported. Iterative: a text may nest as deep as it likes. */
const firstRefusal = (source: string, tree: Tree): Fault | undefined => {
  let first: Fault | undefined
  const cursor = tree.cursor()
  do {
    const found = cursor.type.isError ? broken(source, cursor.node) : refusals[cursor.name]?.(source, cursor.node)
    if (found !== undefined && (first === undefined || found.at < first.at)) first = found
  } while (cursor.next())
  return first
}

/* What is read */

const comparisons: ReadonlyMap<string, { readonly as: Comparison; readonly turned: Comparison }> = new Map([
  ["Gtr", { as: ">", turned: "<" }],
  ["Gte", { as: ">=", turned: "<=" }],
  ["Lss", { as: "<", turned: ">" }],
  ["Lte", { as: "<=", turned: ">=" }],
  ["Eql", { as: "==", turned: "==" }],
  ["Neq", { as: "!=", turned: "!=" }]
])

type Side =
  | { readonly _tag: "Number"; readonly value: number }
  | { readonly _tag: "Selector"; readonly node: SyntaxNode }

const textOf = (source: string, { from, to }: SyntaxNode): string => source.slice(from, to)

const side = (source: string, node: SyntaxNode): Result.Result<Side, Fault> => {
  switch (node.name) {
    case "VectorSelector":
      return Result.succeed({ _tag: "Selector", node })
    case "NumberDurationLiteral":
      return numberOf(node.from, textOf(source, node))
    case "UnaryExpr":
      return node.lastChild?.name === "NumberDurationLiteral"
        ? numberOf(node.from, textOf(source, node))
        : Result.fail(unsupported(node.from, "a sign before a selector is"))
    case "BinaryExpr": {
      const operator = node.firstChild?.nextSibling ?? node
      return Result.fail(unsupported(operator.from, `${textOf(source, operator)} within one side is`))
    }
    default:
      return Result.fail(unsupported(node.from, "a text is"))
  }
}

/** Grammar: `number` in Prometheus' promql.grammar, which takes durations for numbers; a sign may stand apart. */
const numberOf = (at: number, text: string): Result.Result<Side, Fault> => {
  const match = /^([-+]?)\s*(.*)$/s.exec(text)
  const unsigned = (match?.[2] ?? "").replaceAll("_", "").toLowerCase()
  const sign = match?.[1] === "-" ? -1 : 1
  if (/^\d[\d a-z]*[a-z]$/.test(unsigned) && !unsigned.startsWith("0x"))
    return Result.fail(fault(at, `${text} is a duration: write a number, in the unit of the metric`))
  // Go reads it as octal, JavaScript as decimal; nobody means either.
  if (/^0\d/.test(unsigned)) return Result.fail(fault(at, `${text} begins with 0: Prometheus reads that as octal`))
  const value = unsigned === "inf" ? Number.POSITIVE_INFINITY : unsigned === "nan" ? Number.NaN : Number(unsigned)
  return Result.succeed({ _tag: "Number", value: sign * value })
}

const readMatcher = (source: string, node: SyntaxNode): Result.Result<Matcher, Fault> => {
  const [label, op, value] = [node.firstChild, node.firstChild?.nextSibling, node.lastChild]
  if (!label || !op || !value) return Result.fail(fault(node.from, "this matcher cannot be read"))
  const name = label.name === "QuotedLabelName" ? unquoted(source, label) : Result.succeed(textOf(source, label))
  return Result.gen(function* () {
    const matcher: Matcher = {
      label: yield* name,
      op: textOf(source, op) as MatchOp,
      value: yield* unquoted(source, value)
    }
    if (matcher.label === "") return yield* Result.fail(fault(label.from, "a label's name is empty"))
    yield* Result.mapError(matcherTest(matcher), (reason) =>
      fault(value.from, `the pattern ${textOf(source, value)}: ${reason}`)
    )
    return matcher
  })
}

const unquoted = (source: string, node: SyntaxNode): Result.Result<string, Fault> =>
  Result.mapError(unquote(textOf(source, node)), (reason) => fault(node.from, reason))

const childrenOf = (node: SyntaxNode | null): ReadonlyArray<SyntaxNode> => {
  const children: Array<SyntaxNode> = []
  for (let child = node?.firstChild ?? null; child !== null; child = child.nextSibling) children.push(child)
  return children
}

const readSelector = (source: string, node: SyntaxNode): Result.Result<Pick<Rule, "metric" | "matchers">, Fault> =>
  Result.gen(function* () {
    const matchers: Array<Matcher> = []
    let metric: string | null = null
    const setName = (name: string, at: number): Result.Result<void, Fault> => {
      if (name === "") return Result.fail(fault(at, "the metric's name is empty"))
      if (metric !== null) return Result.fail(fault(at, "the metric's name is set twice"))
      metric = name
      return Result.succeed(undefined)
    }
    for (const child of childrenOf(node)) {
      if (child.name === "Identifier") yield* setName(textOf(source, child), child.from)
    }
    for (const child of childrenOf(node.getChild("LabelMatchers"))) {
      if (child.name === "QuotedLabelName") {
        yield* setName(yield* unquoted(source, child), child.from)
      } else if (child.name.endsWith("Matcher")) {
        const matcher = yield* readMatcher(source, child)
        if (matcher.label === nameLabel && matcher.op === "=") yield* setName(matcher.value, child.from)
        else matchers.push(matcher)
      }
    }
    if (isEmptySelector(metric, matchers))
      return yield* Result.fail(
        fault(node.from, "this selects everything: name a metric, or a label that must be there")
      )
    return { metric, matchers }
  })

/** As Prometheus: at least one matcher must not match the empty value. */
const isEmptySelector = (metric: string | null, matchers: ReadonlyArray<Matcher>): boolean =>
  metric === null &&
  matchers.every((matcher) => Result.match(matcherTest(matcher), { onFailure: () => false, onSuccess: (is) => is("") }))

/** A comparison that no number can satisfy makes a rule that never speaks. */
const isNever = (comparison: Comparison, threshold: number): boolean =>
  Number.isNaN(threshold)
    ? comparison !== "!="
    : (comparison === ">" && threshold === Number.POSITIVE_INFINITY) ||
      (comparison === "<" && threshold === Number.NEGATIVE_INFINITY)

/**
 * Reads one expression.
 *
 * Shape:  text -> what it selects and compares, or the first thing that is wrong.
 * Law:    never throws, whatever the text is.
 */
export const readExpression = (source: string): Result.Result<Expression, Fault> =>
  Result.gen(function* () {
    const tree = parser.parse(source)
    const top = tree.topNode.firstChild
    const refused = firstRefusal(source, tree)
    if (refused !== undefined) return yield* Result.fail(refused)
    if (top === null) return yield* Result.fail(fault(0, "the expression is empty"))
    if (top.name === "VectorSelector")
      return yield* Result.fail(fault(source.trimEnd().length, 'a comparison is missing, such as "> 0"'))
    const [left, operator, right] = childrenOf(top)
    if (top.name !== "BinaryExpr" || !left || !operator || !right)
      return yield* Result.fail(fault(top.from, "this is no comparison of a selector with a number"))
    const kind = comparisons.get(operator.name)
    if (kind === undefined) return yield* Result.fail(unsupported(operator.from, `${textOf(source, operator)} is`))
    const one = yield* side(source, left)
    const other = yield* side(source, right)
    if (one._tag === other._tag)
      return yield* Result.fail(
        one._tag === "Number"
          ? fault(left.from, "two numbers are compared: one side must be a selector")
          : unsupported(right.from, "a second selector is")
      )
    const selector = one._tag === "Selector" ? one.node : other._tag === "Selector" ? other.node : left
    const threshold = one._tag === "Number" ? one.value : other._tag === "Number" ? other.value : Number.NaN
    const comparison = one._tag === "Selector" ? kind.as : kind.turned
    const selected = yield* readSelector(source, selector)
    if (isNever(comparison, threshold))
      return yield* Result.fail(fault(operator.from, "no value can ever satisfy this comparison"))
    return { ...selected, comparison, threshold }
  })
