using System.CommandLine;
using System.Globalization;
using Sgl.Fuzz;

CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
var target = new Option<string[]>("--target", "-t") { Description = $"Which: {string.Join(", ", FuzzTargets.All.Select(t => t.Name))}. Default: all.", AllowMultipleArgumentsPerToken = true };
var seconds = new Option<int>("--seconds") { Description = "For how long, all targets together, in equal shares.", DefaultValueFactory = _ => 60 };
var seed = new Option<ulong>("--seed") { Description = "Seed of the run; the same one makes the same cases.", DefaultValueFactory = _ => 1 };
var only = new Option<long?>("--case") { Description = "Run this one case of one target again, as a finding names it." };
var output = new Option<string>("--out") { Description = "Folder for findings.", DefaultValueFactory = _ => "out/fuzz" };
var root = new RootCommand("Throws changed files and messages at everything that takes bytes from outside. Whatever is not a documented error, or takes too long or too much memory, is a finding, and the run ends with 1.")
{
    target, seconds, seed, only, output, AttackCommand.Create(),
};
root.SetAction(async result =>
{
    var chosen = FuzzTargets.All.Where(t => result.GetValue(target) is not { Length: > 0 } names || names.Contains(t.Name)).ToList();
    if (chosen.Count == 0)
    {
        await Console.Error.WriteLineAsync($"There is no such target; there are {string.Join(", ", FuzzTargets.All.Select(t => t.Name))}.");
        return 2;
    }

    var share = TimeSpan.FromSeconds((double)result.GetValue(seconds) / chosen.Count);
    var found = 0;
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"seed {result.GetValue(seed)}, {share.TotalSeconds:0.0} s for each of {chosen.Count} targets; findings in {result.GetValue(output)}"));
    foreach (var (_, create) in chosen)
    {
        await using var it = create();
        var run = new FuzzRun(it, result.GetValue(seed), result.GetValue(output)!);
        var (findings, _, accepted) = result.GetValue(only) is { } number
            ? await run.RunAsync(TimeSpan.FromHours(1), number, 1, Console.Out)
            : await run.RunAsync(share, 0, long.MaxValue, Console.Out);
        found += findings.Count;
        if (accepted == 0 && result.GetValue(only) is null)
        {
            // A target that refuses all of its seeds tries nothing.
            Console.WriteLine($"FOUND {it.Name}: not one case was accepted");
            found++;
        }
    }

    Console.WriteLine(found == 0 ? "nothing found" : $"{found} findings; run one again with --target NAME --seed {result.GetValue(seed)} --case NUMBER");
    return found == 0 ? 0 : 1;
});
return await root.Parse(args).InvokeAsync();
