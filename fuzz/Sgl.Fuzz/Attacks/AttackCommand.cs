using System.CommandLine;
using System.Diagnostics;
using System.Globalization;

namespace Sgl.Fuzz;

/// <summary><c>attack</c>: the scenarios, each against services that were just started, with bounds on memory, time, and what comes after.</summary>
internal static class AttackCommand
{
    private static readonly TimeSpan LongestQuestion = TimeSpan.FromSeconds(20);

    public static Command Create()
    {
        var names = new Argument<string[]>("names") { Description = $"Which: {string.Join(", ", AttackScenarios.All.Select(a => a.Name))}. Default: all.", Arity = ArgumentArity.ZeroOrMore };
        var command = new Command("attack", "Attacks router, small and large service as processes, and measures.") { names };
        command.SetAction(async result =>
        {
            var chosen = AttackScenarios.All.Where(a => result.GetValue(names) is not { Length: > 0 } some || some.Contains(a.Name)).ToList();
            var failed = chosen.Count == 0 ? 1 : 0;
            foreach (var scenario in chosen)
            {
                failed += await RunAsync(scenario) ? 0 : 1;
            }

            return failed == 0 ? 0 : 1;
        });
        return command;
    }

    /// <summary>Runs one scenario.</summary>
    /// <returns>Whether all bounds held.</returns>
    internal static async Task<bool> RunAsync(AttackScenario scenario)
    {
        await using var servers = await ServerProcesses.StartAsync();
        await servers.AskAsync();
        string[] services = ["router", "small", "large"];
        var before = services.ToDictionary(s => s, s => servers.Memory(s).Now);
        var started = Stopwatch.GetTimestamp();
        var problems = new List<string>();
        try
        {
            await scenario.RunAsync(servers);
        }
        catch (Exception e)
        {
            problems.Add(e.Message);
        }

        var took = Stopwatch.GetElapsedTime(started);
        if (took > scenario.Time)
        {
            problems.Add($"it took {took.TotalSeconds:0.0} s, at most {scenario.Time.TotalSeconds:0} s");
        }

        var grown = services.ToDictionary(s => s, s => servers.Memory(s).Peak - before[s]);
        problems.AddRange(grown.Where(g => g.Value > scenario.Memory).Select(g => $"the {g.Key} service grew by {g.Value >> 20} MiB, at most {scenario.Memory >> 20} MiB"));
        try
        {
            var question = await servers.AskAsync();
            if (question > LongestQuestion)
            {
                problems.Add($"the next question took {question.TotalSeconds:0.0} s");
            }
        }
        catch (Exception e)
        {
            problems.Add($"the next question failed: {e.Message}");
        }

        var growth = string.Join(", ", grown.Select(g => string.Create(CultureInfo.InvariantCulture, $"{g.Key} +{g.Value >> 20} MiB")));
        Console.WriteLine($"{(problems.Count == 0 ? "held" : "FELL")} {scenario.Name,-16} {took.TotalSeconds,5:0.0} s, {growth}{(problems.Count == 0 ? "" : ": " + string.Join("; ", problems))}");
        return problems.Count == 0;
    }
}
