using Sgl.Verification;
using Spectre.Console;

namespace Sgl.Cli.Internal;

/// <summary>Shows cases as they are verified, and the outcome of all of them.</summary>
internal sealed class VerificationView(Terminal terminal, bool compact)
{
    private static readonly Style Good = new(Color.Green);
    private static readonly Style Bad = new(Color.Red);
    private readonly List<CaseReport> _reports = [];

    /// <summary>Shows one case.</summary>
    public void Show(CaseReport report)
    {
        _reports.Add(report);
        var failed = report.Checks.Count(c => !c.Passed);
        var outcome = report.Failure is not null ? $"could not run: {Printable.Line(report.Failure)}"
            : report.Checks.Count == 0 ? "nothing was compared"
            : failed > 0 ? Number($"{failed} of {report.Checks.Count} quantities fail")
            : Number($"{report.Checks.Count} quantities pass");
        var worst = compact && Worst(report) is { } check ? $"; nearest to its tolerance: {Line(check)}" : "";
        terminal.Line($"{(report.Passed ? "pass" : "FAIL")}  {report.Name}: {outcome}{worst}", report.Passed ? Good : Bad);
        if (!compact && report.Checks.Count > 0)
        {
            terminal.Out.Write(Table(report));
        }
        else
        {
            foreach (var bad in report.Checks.Where(c => !c.Passed))
            {
                terminal.Line($"      {Line(bad)}{(bad.Detail is null ? "" : $": {Printable.Line(bad.Detail)}")}", Bad);
            }
        }
    }

    /// <summary>Shows the outcome.</summary>
    /// <returns>Whether every case passed.</returns>
    public bool Finish()
    {
        var passed = _reports.Count(r => r.Passed);
        terminal.Line(Number($"{passed} of {_reports.Count} cases pass, {_reports.Sum(r => r.Checks.Count)} quantities compared"));
        return passed == _reports.Count;
    }

    private static Table Table(CaseReport report)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumns("quantity", "largest error", "tolerance", "", "detail");
        foreach (var check in report.Checks)
        {
            table.AddRow(
                new Styled(check.Quantity),
                new Styled(Error(check)),
                new Styled(check.Tolerance == 0 ? "identical" : Number($"{check.Tolerance:0.0e+0}")),
                new Styled(check.Passed ? "pass" : "FAIL", check.Passed ? Good : Bad),
                new Styled(Printable.Line(check.Detail ?? "")));
        }

        return table;
    }

    private static QuantityCheck? Worst(CaseReport report) => report.Checks.Where(c => c.Tolerance > 0).MaxBy(c => double.IsNaN(c.Error) ? double.MaxValue : c.Error / c.Tolerance);

    private static string Line(QuantityCheck check) =>
        $"{check.Quantity} {Error(check)}{(check.Tolerance == 0 ? ", must be identical" : Number($" of {check.Tolerance:0.0e+0}"))}";

    private static string Error(QuantityCheck check) => check switch
    {
        { Tolerance: 0, Error: 0 } => "identical",
        { Tolerance: 0 } => "differs",
        _ => Number($"{check.Error:0.0e+0}"),
    };

    private static string Number(FormattableString text) => FormattableString.Invariant(text);
}
