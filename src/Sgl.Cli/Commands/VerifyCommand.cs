using System.CommandLine;
using Sgl.Cli.Internal;
using Sgl.Inference;
using Sgl.Verification;

namespace Sgl.Cli.Commands;

/// <summary><c>sgl verify</c>: the real engine against golden values.</summary>
internal static class VerifyCommand
{
    public static Command Create(Terminal terminal)
    {
        var folder = new Argument<string>("folder") { Description = "Folder with checkpoints/ and cases/ in the golden format.", HelpName = "DIR" };
        var placement = new Option<string>("--placement", "--device")
        {
            Description = "Devices: cpu, cuda:0, cpu*3 (equal shares on three, or one a layer where there are fewer), or ranges 0-3:cpu,4-7:cpu:1.",
            HelpName = "DEVICES",
            DefaultValueFactory = _ => "cpu",
        };
        var chunk = new Option<int>("--prefill-chunk")
        {
            Description = "Rows of a prefill that run together; golden prompts are short, so that a small number cuts them in many chunks. 0: in one piece.",
            HelpName = "ROWS",
            DefaultValueFactory = _ => new EngineOptions().PrefillChunk,
        };
        chunk.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 0)
            {
                result.AddError("--prefill-chunk must not be negative");
            }
        });
        var warm = new Option<bool>("--warm") { Description = "Run each case also behind another question about its image, beginning with what is kept of that one." };
        var compact = new Option<bool>("--compact") { Description = "One line per case, with the quantity nearest to its tolerance." };
        var command = new Command("verify", "Runs golden cases through the real graphs, runtime, guidance and staged pruning, and compares every quantity.")
        {
            folder, placement, chunk, warm, compact,
        };
        command.SetAction(async (result, cancellationToken) =>
        {
            var path = result.GetValue(folder)!;
            if (!Directory.Exists(path))
            {
                throw new CliException(File.Exists(path) ? $"'{path}' is a file, not a folder of golden cases" : $"there is no folder '{path}'");
            }

            var verifier = GoldenVerifier.Open(path);
            var view = new VerificationView(terminal, result.GetValue(compact));
            await foreach (var report in verifier.RunAsync(result.GetValue(placement)!, result.GetValue(chunk), result.GetValue(warm), cancellationToken))
            {
                view.Show(report);
            }

            return view.Finish() ? ExitCodes.Success : ExitCodes.Failed;
        });
        return command;
    }
}
