using System.Globalization;
using System.Text.Json;
using Sgl.Guidance;
using Sgl.Inference;
using Sgl.Models;
using Spectre.Console;

namespace Sgl.Cli.Internal;

/// <summary><c>sgl info --plan</c>: what a checkpoint takes on GPUs, as a table and as JSON.</summary>
/// <param name="shape">The checkpoint.</param>
/// <param name="plan">The plan.</param>
/// <param name="weights"><c>Engine:Weights</c>.</param>
/// <param name="visual">Visual tokens of a request.</param>
/// <param name="text">Its tokens of text, new ones included.</param>
/// <param name="retentions">Average shares of visual tokens to tell of.</param>
internal sealed class PlanReport(ModelShape shape, MemoryPlan plan, string weights, int visual, int text, IReadOnlyList<double> retentions)
{
    private const double Gib = 1L << 30;
    private const int Mib = 1 << 20;

    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public string ToJson() => JsonSerializer.Serialize(
        new
        {
            Checkpoint = plan.Name,
            shape.Parameters,
            plan.Placement,
            Weights = weights,
            plan.Fits,
            VisualTokens = visual,
            TextTokens = text,
            Devices = plan.Devices.Select(d => new
            {
                Device = d.Device.ToString(),
                Layers = $"{d.Stages[0].First}-{d.Stages[^1].Last}",
                MemoryBytes = d.Memory,
                WeightsBytes = d.Weights,
                WorkspaceBytes = d.Workspace,
                ReserveBytes = MemoryPlan.Reserve,
                KvBytes = d.Kv,
            }),
            KvBudgetMib = KvBudgetMib,
            Requests = retentions.Select(r => new { Retention = r, Point(r).Layer, Point(r).KeepRatio, KvBytesPerRequest = plan.Devices.Select(d => Request(d, r)), Fit = Fit(r) }),
        },
        Json);

    public Grid ToGrid()
    {
        var grid = new Grid().AddColumn(new GridColumn().NoWrap().PadRight(3)).AddColumn();
        Row("checkpoint", Line($"{plan.Name}: {Summaries.Parameters(shape.Parameters)} parameters, {How}"));
        foreach (var device in plan.Devices)
        {
            Row(
                device.Device.ToString(),
                Line($"layers {device.Stages[0].First}-{device.Stages[^1].Last}: {device.Memory / Gib:0.0} GiB = weights {device.Weights / Gib:0.00} + work space {device.Workspace / Gib:0.00} (estimate) + driver and libraries {MemoryPlan.Reserve / Gib:0.00} (assumed) + KV caches {device.Kv / Gib:0.00}"));
        }

        if (!plan.Fits)
        {
            Row("fits", Line($"no: {plan.Devices.Where(d => d.Kv <= 0).Sum(d => -d.Kv) / Gib:0.00} GiB are missing; take more or larger GPUs"));
            return grid;
        }

        Row("settings", Line($"Engine:Placement={plan.Placement} Engine:KvBudgetMiB={KvBudgetMib}") + (weights == "auto" ? "" : $" Engine:Weights={weights}"));
        foreach (var retention in retentions)
        {
            var (layer, ratio) = Point(retention);
            var request = plan.Devices.Select(d => Request(d, retention) / Gib).ToList();
            Row(
                Line($"{retention:0.##%} retention"),
                Line($"{Fit(retention)} requests of {visual} visual and {text} other tokens fit: {string.Join(" + ", request.Select(r => r.ToString("0.000", CultureInfo.InvariantCulture)))} GiB of KV each")
                + (retention < 1 ? Line($" (pruned in front of layer {layer}, {ratio:0.##%} kept)") : ""));
        }

        return grid;

        void Row(string name, string value) => grid.AddRow(new Styled(name, new Style(Color.Grey)), new Styled(Printable.Line(value)));
    }

    private string How => weights switch
    {
        "int4" => "on GPUs the decoder's layers in 4 bits, its head in 8, the rest in 16",
        "int8" => "on GPUs the decoder in 8 bits, the rest in 16",
        _ when shape.Layer(0).Any(t => shape.Stored(t.Name) is not null) && weights == "auto" => "on GPUs as stored, the rest in 16 bits",
        _ => "in 16 bits on GPUs",
    };

    /// <summary>What every GPU can give: the setting is one for all.</summary>
    private long KvBudgetMib => Math.Max(0, plan.Devices.Min(d => d.Kv)) / Mib;

    private long Fit(double retention) => Math.Max(0, plan.Devices.Min(d => Math.Min(d.Kv, KvBudgetMib * Mib) / Request(d, retention)));

    private long Request(DevicePlan device, double retention)
    {
        var (layer, ratio) = Point(retention);
        return device.KvPerRequest(text, visual, layer, ratio);
    }

    private (int Layer, double KeepRatio) Point(double retention) => PruneSchedule.ForAverage(shape.Config.Language.Layers, retention);

    private static string Line(FormattableString text) => FormattableString.Invariant(text);
}
