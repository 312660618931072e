using System.Globalization;
using Sgl.PictureCurve;

// Accuracy against visual tokens: what pictures can do for an engine that drops no tokens, beside pruning in its layers. docs/engines.md has the result.
//   dotnet run -c Release --project tools/Sgl.PictureCurve -- [--every N] [--out docs/results] [--root .]
string? Option(string name) => Array.IndexOf(args, name) is >= 0 and var i && i + 1 < args.Length ? args[i + 1] : null;

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, e) =>
{
    e.Cancel = true;
    stop.Cancel();
};
var root = Option("--root") ?? ".";
await using var services = await CurveServices.StartAsync(root, stop.Token);
var run = new CurveRun(services, Path.Combine(root, "benchmarks", "synthetic"), int.Parse(Option("--every") ?? "1", CultureInfo.InvariantCulture));
await run.RunAsync(Option("--out") ?? Path.Combine(root, "docs", "results"), stop.Token);
