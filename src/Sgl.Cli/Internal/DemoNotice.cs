namespace Sgl.Cli.Internal;

/// <summary>What the demo says about itself at its end.</summary>
internal static class DemoNotice
{
    /// <summary>How the commands are called where the program is not installed: in a repository's build output there are no models beside it.</summary>
    private static readonly string Program = Directory.Exists(Path.Combine(AppContext.BaseDirectory, "models"))
        ? "More: sgl --help."
        : "where 'sgl' is 'dotnet run --project src/Sgl.Cli --'.";

    /// <summary>The text.</summary>
    /// <param name="info">The two models.</param>
    /// <param name="demoPair">Whether they are the pair that comes with the repository.</param>
    public static string For(Wire.GetInfoResponse info, bool demoPair) => demoPair
        ? $"""
           This was the demo: two small models ({Summaries.Parameters(info.Small.ParameterCount)} and {Summaries.Parameters(info.Large.ParameterCount)} parameters) trained on synthetic pages that a
           generator drew. They read receipts, forms, tables, charts, screens and signs as it draws them, and nothing else.
           For real questions point the same command at two checkpoint folders as downloaded from the model hub, for instance
             sgl demo  --small InternVL2-2B --large InternVL2-26B --questions mine.jsonl
             sgl ask   --small InternVL2-2B --large InternVL2-26B --image photo.jpg "What does the sign say?"
             sgl serve --small InternVL2-2B --large InternVL2-26B --large-placement "cuda*4"
           {Program}
           """
        : $"These were {info.Small.Name} and {info.Large.Name}; 'sgl serve' keeps them running, 'sgl ask' asks them your own questions.";
}
