using System.Globalization;
using Sgl.Evaluation;

namespace Sgl.Experiments;

/// <summary>How a measurement stands to a claim.</summary>
public enum Verdict
{
    /// <summary>It holds beyond chance.</summary>
    Agrees,

    /// <summary>The value is on the claimed side, its interval is not.</summary>
    AgreesWithinChance,

    /// <summary>The value is on the other side, its interval is not.</summary>
    DisagreesWithinChance,

    /// <summary>The opposite holds beyond chance.</summary>
    Disagrees,
}

/// <summary>A claim of the paper and what was measured.</summary>
/// <param name="Text">The claim.</param>
/// <param name="Quantity">What the number is.</param>
/// <param name="Measured">The number with its interval.</param>
/// <param name="Bound">The claim is that the number is at least this.</param>
/// <param name="IsPercent">Whether it is shown times 100.</param>
public sealed record Claim(string Text, string Quantity, Estimate Measured, double Bound, bool IsPercent = true)
{
    /// <summary>Whether it holds.</summary>
    public Verdict Verdict => Measured.Value >= Bound
        ? Measured.Low >= Bound ? Verdict.Agrees : Verdict.AgreesWithinChance
        : Measured.High < Bound ? Verdict.Disagrees : Verdict.DisagreesWithinChance;

    /// <summary>The claims as a table.</summary>
    public static Table Tabulate(IEnumerable<Claim> claims)
    {
        ArgumentNullException.ThrowIfNull(claims);
        var table = new Table("What the paper claims and what was measured", "claim", "quantity", "claimed", "measured", "verdict");
        foreach (var claim in claims)
        {
            var m = claim.Measured;
            table.Add(
                claim.Text, claim.Quantity, $">= {claim.Number(claim.Bound)}",
                $"{claim.Number(m.Value)} [{claim.Number(m.Low)}, {claim.Number(m.High)}]",
                claim.Verdict switch
                {
                    Verdict.Agrees => "agrees",
                    Verdict.AgreesWithinChance => "agrees, not beyond chance",
                    Verdict.DisagreesWithinChance => "does not agree, not beyond chance",
                    _ => "does not agree",
                });
        }

        table.Notes.Add("Measured values with 95 % bootstrap intervals; comparisons are paired on the same questions. 'Beyond chance' means that the whole interval is on one side.");
        return table;
    }

    private string Number(double value) => IsPercent
        ? (100 * value).ToString("0.00", CultureInfo.InvariantCulture) + " %"
        : value.ToString("0.00", CultureInfo.InvariantCulture);
}
