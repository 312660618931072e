using System.Buffers.Binary;
using System.Text.Json.Nodes;
using Sgl.TestKit.Serving;

namespace Sgl.SmallService;

/// <summary>Weights that are used as they are stored lie in memory once, however many processes serve them.</summary>
public sealed class SharedWeightsTests
{
    [Fact]
    public async Task TwoProcesses_Float32Checkpoint_ShareThePagesOfTheFile()
    {
        using var model = new BrokenModel("small");
        var weights = Path.Combine(model.Folder, "model.safetensors");
        Widen(weights);
        using var first = ServiceProcess.Start("Sgl.SmallService.dll", $"--Engine:Checkpoint={model.Folder}", "--Listen:Port=0");
        await first.LineAsync("is now SERVING");
        using var second = ServiceProcess.Start("Sgl.SmallService.dll", $"--Engine:Checkpoint={model.Folder}", "--Listen:Port=0");
        await second.LineAsync("is now SERVING");

        var pages = second.Mapped(weights);

        // Nothing of the file became this process's own, and it computes with most of it; pages that only one of the two has read by now count as private.
        Assert.Equal((0, 0), (pages["Private_Dirty"], pages["Anonymous"]));
        Assert.InRange(pages["Rss"], new FileInfo(weights).Length / 2, long.MaxValue);
        Assert.InRange(pages["Shared_Clean"], pages["Rss"] / 2, pages["Rss"]);
    }

    /// <summary>The same tensors in float32.</summary>
    private static void Widen(string path)
    {
        var old = File.ReadAllBytes(path);
        var header = JsonNode.Parse(old.AsSpan(8, (int)BinaryPrimitives.ReadInt64LittleEndian(old)))!.AsObject();
        var data = old.AsSpan(8 + (int)BinaryPrimitives.ReadInt64LittleEndian(old));
        foreach (var (_, tensor) in header.Where(t => t.Key != "__metadata__"))
        {
            Assert.Equal("BF16", tensor!["dtype"]!.GetValue<string>());
            tensor["dtype"] = "F32";
            tensor["data_offsets"] = new JsonArray([.. tensor["data_offsets"]!.AsArray().Select(o => JsonValue.Create(2 * o!.GetValue<long>()))]);
        }

        // Padded, so that the numbers behind it are aligned as they are in files that people download.
        var text = header.ToJsonString();
        text = text.PadRight((text.Length + 7) / 8 * 8);
        using var file = new BinaryWriter(File.Create(path + ".wide"));
        file.Write((long)text.Length);
        file.Write(System.Text.Encoding.UTF8.GetBytes(text));
        for (var i = 0; i < data.Length; i += 2)
        {
            // bfloat16 is the upper half of a float32.
            file.Write((uint)BinaryPrimitives.ReadUInt16LittleEndian(data[i..]) << 16);
        }

        file.Close();
        File.Move(path + ".wide", path, overwrite: true);
    }
}
